-- Networks whose requests are refused before any work is done: by an administrator, or by the service itself for what
-- an address did. Ended ones stay for a while, because whoever comes back is blocked twice as long.

CREATE TABLE blocked_addresses (
    id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- One address is a network, too: /32, and for the service's own blocks /64 of IPv6.
    network   cidr        NOT NULL,
    reason    text        NOT NULL,
    since     timestamptz NOT NULL DEFAULT now(),
    -- NULL: until it is lifted.
    until     timestamptz,
    -- The user id of the administrator, as in admin_actions; NULL: the service itself.
    made_by   text,
    lifted_at timestamptz,
    lifted_by text,

    CONSTRAINT blocked_addresses_reason_length CHECK (char_length(reason) <= 500),
    CONSTRAINT blocked_addresses_order CHECK (until > since),
    CONSTRAINT blocked_addresses_lift_by_somebody CHECK (lifted_by IS NULL OR lifted_at IS NOT NULL),
    -- An administrator may block for good; the service may not.
    CONSTRAINT blocked_addresses_own_ends CHECK (made_by IS NOT NULL OR until IS NOT NULL)
);

-- Those that may be in force are read by every node, and whenever one of them changes. Whether the end has passed
-- cannot be part of an index.
CREATE INDEX blocked_addresses_live ON blocked_addresses (network) WHERE lifted_at IS NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON blocked_addresses TO rollcall_app;
