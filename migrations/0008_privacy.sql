-- What people may keep to themselves, what is forgotten after a time, and how a person is erased.

-- Who may see when somebody was last seen ---------------------------------------------------------------------------

-- Of those who chose; everybody else is seen by everyone. By the text that presence knows people by, because people of
-- a host application have no account here. Every node keeps these rows in memory and reads each second what has
-- changed: so a change back to `everyone` is a row, too, and not its absence.
CREATE TABLE last_seen_visibility (
    user_id    text        PRIMARY KEY,
    visibility text        NOT NULL,
    -- Grows with each change of a row, whatever order transactions take.
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT last_seen_visibility_known CHECK (visibility IN ('everyone', 'organisation', 'nobody'))
);
CREATE INDEX last_seen_visibility_changed ON last_seen_visibility (updated_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON last_seen_visibility TO rollcall_app;
