-- Which bot of a platform this database belongs to: two deployments with bots of their own would answer for each other.

CREATE TABLE bots (
    platform  text PRIMARY KEY,
    bot       text NOT NULL,                        -- the platform's id of the bot
    since     timestamptz NOT NULL DEFAULT now()
);
