import { Empty, PageHead } from "../../parts/index.js";

export default function Approvals() {
  return (
    <>
      <PageHead title="Approvals" />
      <Empty title="Nothing here yet" />
    </>
  );
}
