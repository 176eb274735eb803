"""Telegram, over python-telegram-bot."""

from bot.platforms.telegram.client import FORM_BYTES, TelegramPlatform, WebhookConfig
from bot.platforms.telegram.pace import ChatPace

__all__ = ["FORM_BYTES", "ChatPace", "TelegramPlatform", "WebhookConfig"]
