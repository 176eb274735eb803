-- How the pictures of a story look where nobody says otherwise: keys of style, size and quality, what must not be seen.

ALTER TABLE stories
    ADD COLUMN picture_style text NOT NULL DEFAULT '',
    ADD COLUMN picture_size text NOT NULL DEFAULT '',
    ADD COLUMN picture_quality text NOT NULL DEFAULT '',
    ADD COLUMN picture_negative text NOT NULL DEFAULT '';
