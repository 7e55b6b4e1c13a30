import { Empty, PageHead } from "../../parts/index.js";

export default function People() {
  return (
    <>
      <PageHead title="People" />
      <Empty title="Nothing here yet" />
    </>
  );
}
