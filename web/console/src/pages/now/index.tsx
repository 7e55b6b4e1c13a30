import { Empty, PageHead } from "../../parts/index.js";

export default function Now() {
  return (
    <>
      <PageHead title="Now" />
      <Empty title="Nothing here yet" />
    </>
  );
}
