-- Private chats in which a person blocked the bot: their account may have others, on other platforms.

ALTER TABLE conversations ADD COLUMN left_at timestamptz;
