-- What a sent message offered: the packed data of its buttons. A press of something else is forged, or of another release
-- (NULL: not known). The data are verbs and ids.

ALTER TABLE outbox ADD COLUMN buttons jsonb;
