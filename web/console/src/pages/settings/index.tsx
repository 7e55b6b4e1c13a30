import { Empty, PageHead } from "../../parts/index.js";

export default function Settings() {
  return (
    <>
      <PageHead title="Settings" />
      <Empty title="Nothing here yet" />
    </>
  );
}
