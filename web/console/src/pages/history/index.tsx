import { Empty, PageHead } from "../../parts/index.js";

export default function History() {
  return (
    <>
      <PageHead title="History" />
      <Empty title="Nothing here yet" />
    </>
  );
}
