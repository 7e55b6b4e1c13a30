import { Empty, PageHead } from "../../parts/index.js";

export default function Person() {
  return (
    <>
      <PageHead title="Person" />
      <Empty title="Nothing here yet" />
    </>
  );
}
