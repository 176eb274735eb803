-- What the archive has of a lorebook is a document of kind lore, which goes with the book.

ALTER TABLE archive_documents ADD COLUMN book_id bigint REFERENCES lorebooks ON DELETE CASCADE;
