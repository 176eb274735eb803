"""Telegram, over python-telegram-bot."""

from bot.platforms.telegram.client import TelegramPlatform, WebhookConfig
from bot.platforms.telegram.pace import ChatPace

__all__ = ["ChatPace", "TelegramPlatform", "WebhookConfig"]
