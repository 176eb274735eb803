-- Pictures: the LoRAs that the person named, as they wrote them.

ALTER TABLE pictures ADD COLUMN lora text NOT NULL DEFAULT '';
