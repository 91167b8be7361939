-- What the second release left: the first, migrated; runs have concurrency groups from here on.
PRAGMA application_id = 1953653868;
PRAGMA user_version = 2;
BEGIN TRANSACTION;
CREATE TABLE blob (hash TEXT PRIMARY KEY NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
INSERT INTO "blob" VALUES('d35c416a85b807e9b5384915d6ebb4a9f7352713efd89857b45a242f473728a9',X'6C61726765');
CREATE TABLE event (
      run INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
      seq INTEGER NOT NULL,
      version INTEGER NOT NULL,
      body BLOB NOT NULL,
      blob TEXT,
      PRIMARY KEY (run, seq)
    ) WITHOUT ROWID
    ;
INSERT INTO "event" VALUES(1,1,1,X'7B226E223A20317D','d35c416a85b807e9b5384915d6ebb4a9f7352713efd89857b45a242f473728a9');
INSERT INTO "event" VALUES(1,2,1,X'7B226E223A20327D',NULL);
INSERT INTO "event" VALUES(1,3,1,X'7B226E223A20337D',NULL);
INSERT INTO "event" VALUES(1,4,1,X'7B226E223A20347D',NULL);
INSERT INTO "event" VALUES(2,1,1,X'7B226E223A20317D',NULL);
CREATE TABLE label (
      name TEXT NOT NULL,
      text TEXT NOT NULL,
      run INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
      PRIMARY KEY (name, text, run)
    ) WITHOUT ROWID
    ;
INSERT INTO "label" VALUES('n','1',1);
INSERT INTO "label" VALUES('team','ops',2);
CREATE TABLE request (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      run INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
      command TEXT NOT NULL,
      arguments TEXT NOT NULL,
      by TEXT NOT NULL,
      time REAL NOT NULL,
      answer TEXT
    );
INSERT INTO "request" VALUES(1,'q1',2,'pause','{"reason":"late"}','ann',1750000000.0,NULL);
CREATE TABLE run (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      workflow TEXT NOT NULL,
      status TEXT NOT NULL,
      ended INTEGER NOT NULL,
      correlation_id TEXT NOT NULL,
      labels TEXT NOT NULL,
      key TEXT,
      fingerprint TEXT,
      parent TEXT,
      created_at REAL NOT NULL,
      updated_at REAL NOT NULL,
      started_at REAL,
      ended_at REAL,
      seq INTEGER NOT NULL,
      owner TEXT,
      token INTEGER NOT NULL,
      lease_until REAL NOT NULL
    , group_key TEXT, admitted INTEGER NOT NULL DEFAULT 0);
INSERT INTO "run" VALUES(1,'ended','flow','completed',1,'of ended','{"n":"1"}','k',NULL,NULL,1750000000.0,1750000009.0,1750000001.0,1750000009.0,4,NULL,1,0.0,NULL,0);
INSERT INTO "run" VALUES(2,'open','flow','pending',0,'of open','{"team":"ops"}',NULL,NULL,NULL,1750000005.0,1750000005.0,NULL,NULL,1,'me',2,1750000021.0,NULL,0);
CREATE UNIQUE INDEX run_key ON run (workflow, key) WHERE key IS NOT NULL;
CREATE INDEX run_newest ON run (created_at, id);
CREATE INDEX run_of_workflow ON run (workflow, created_at, id);
CREATE INDEX run_in_status ON run (status, created_at, id);
CREATE INDEX run_open ON run (created_at, id) WHERE ended = 0;
CREATE INDEX run_child ON run (parent, created_at, id) WHERE parent IS NOT NULL;
CREATE INDEX label_of_run ON label (run);
CREATE INDEX event_with_blob ON event (blob) WHERE blob IS NOT NULL;
CREATE INDEX request_of_run ON request (run);
CREATE INDEX request_open ON request (number) WHERE answer IS NULL;
CREATE INDEX run_in_group ON run (group_key, number) WHERE group_key IS NOT NULL AND ended = 0;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('run',2);
INSERT INTO "sqlite_sequence" VALUES('request',1);
COMMIT;
