-- Records of every kind as JSON documents. `change` is the sequence of the whole store: the etag of the row, and what
-- `changes_since` goes by. `tenant` is empty for what belongs to the installation. Nothing here is of SQLite alone.
CREATE TABLE rows (
    kind TEXT NOT NULL,
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    parent TEXT,
    target TEXT,
    state TEXT,
    change BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, tenant, key)
);
CREATE UNIQUE INDEX rows_change ON rows (change);
CREATE INDEX rows_key ON rows (kind, key);
CREATE INDEX rows_parent ON rows (kind, tenant, parent, key) WHERE parent IS NOT NULL;
CREATE INDEX rows_target ON rows (kind, tenant, target, key) WHERE target IS NOT NULL;
CREATE INDEX rows_state ON rows (kind, tenant, state, key) WHERE state IS NOT NULL;

-- The last of the rows that are gone, so that those who follow changes hear of it.
CREATE TABLE removed (
    kind TEXT NOT NULL,
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    change BIGINT NOT NULL,
    PRIMARY KEY (kind, tenant, key)
);
CREATE UNIQUE INDEX removed_change ON removed (change);

CREATE TABLE audit (
    number BIGINT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX audit_tenant ON audit (tenant, number);
CREATE INDEX audit_key ON audit (tenant, kind, key, number);
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;

-- AES-256-GCM under the key of the installation, bound to tenant and name.
CREATE TABLE secrets (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (tenant, name)
);

-- `epoch`: another one after each restore. `change`: the last of the sequence. `floor`: removals up to it may be unknown.
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO facts (name, value) VALUES ('epoch', ''), ('change', '0'), ('floor', '0');
