// The parts that pages are made of.

export { CopyButton } from "./CopyButton.js";
export { type Column, DataTable, MoreRows, type Sorting } from "./DataTable.js";
export { ConfirmAction, type Confirmation, Dialog } from "./Dialog.js";
export { Download, download } from "./Download.js";
export {
  DateTimeField,
  Field,
  type FieldProps,
  fromLocal,
  SearchField,
  Select,
  TextArea,
  TextField,
  toLocal,
} from "./Fields.js";
export { Icon, type IconName } from "./Icon.js";
export { Lazy } from "./Lazy.js";
export { LastSeen, LiveStatus } from "./LiveStatus.js";
export { Menu, type MenuItem } from "./Menu.js";
export { Empty, ErrorNotice, Loading, Notice } from "./Notices.js";
export { Facts, Figure, Figures, FilterBar, PageHead, Section, Tabs } from "./Page.js";
export { PersonLink, personHref } from "./PersonLink.js";
export { Badge, StandingBadge, StatusDot, type Tone } from "./StatusDot.js";
export { SuspensionEnd } from "./SuspensionEnd.js";
export { Time } from "./Time.js";
export { VirtualTable } from "./VirtualTable.js";
