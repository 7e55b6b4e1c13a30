import { Empty, PageHead } from "../../parts/index.js";

export default function Audit() {
  return (
    <>
      <PageHead title="Audit" />
      <Empty title="Nothing here yet" />
    </>
  );
}
