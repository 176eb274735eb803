-- Entries of lorebooks in the archive, where people search them. No row breaks the wider check: none is looked at.

ALTER TABLE archive_chunks DROP CONSTRAINT archive_chunks_source_check;
ALTER TABLE archive_chunks ADD CONSTRAINT archive_chunks_source_check
    CHECK (source IN ('message', 'page', 'document', 'fact', 'lore')) NOT VALID;
