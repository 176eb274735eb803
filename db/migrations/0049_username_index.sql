-- no transaction
-- People are looked up by their usernames.
CREATE INDEX CONCURRENTLY IF NOT EXISTS identities_username ON identities (platform, lower(username))
    WHERE username <> '';
