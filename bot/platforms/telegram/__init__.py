"""Telegram, over python-telegram-bot."""

from bot.platforms.telegram.client import TelegramPlatform, TokenRefused, WebhookConfig

__all__ = ["TelegramPlatform", "TokenRefused", "WebhookConfig"]
