-- What documents and lorebooks were judged to contain: where less may be shown, they are not shown.

ALTER TABLE archive_documents ADD COLUMN rating text NOT NULL DEFAULT 'sfw';
ALTER TABLE lorebooks ADD COLUMN rating text NOT NULL DEFAULT 'sfw';
