-- Whether a worker has a model to which the pictures that people send can be shown.

ALTER TABLE heartbeats ADD COLUMN sees boolean NOT NULL DEFAULT false;
