-- A story outlives the person who began it, in a place: pages that a model wrote stay there, without an owner.

ALTER TABLE stories
    ALTER COLUMN owner_id DROP NOT NULL,
    DROP CONSTRAINT stories_owner_id_fkey,
    ADD CONSTRAINT stories_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES users ON DELETE SET NULL NOT VALID;
ALTER TABLE stories VALIDATE CONSTRAINT stories_owner_id_fkey;
