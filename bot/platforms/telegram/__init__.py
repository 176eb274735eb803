"""Telegram, over python-telegram-bot."""

from bot.platforms.telegram.client import TelegramPlatform, WebhookConfig

__all__ = ["TelegramPlatform", "WebhookConfig"]
