"""The remote engines that the settings ask for."""

import importlib.util
import logging
from typing import TYPE_CHECKING

from workers.engines.text.remote.engine import RemoteEngine
from workers.engines.text.remote.openai_endpoint import Timeouts
from workers.engines.text.settings import TextSettings

if TYPE_CHECKING:
    from workers.engines.text.remote.litellm import LiteLLMEngine

_log = logging.getLogger(__name__)


def remote_engine(settings: TextSettings) -> RemoteEngine | None:
    """Return the ``remote`` engine, None if no server or no model is set."""
    if not settings.remote_base_url or not settings.remote_model:
        return None
    return RemoteEngine(
        settings.remote_base_url,
        settings.remote_model,
        api_key=settings.remote_api_key.get_secret_value() if settings.remote_api_key else "",
        models=settings.remote_models,
        prices=settings.remote_prices,
        timeouts=_timeouts(settings),
        context=settings.remote_context,
        eyes=settings.remote_vision_model or "",
    )


def litellm_engine(settings: TextSettings) -> "LiteLLMEngine | None":
    """Return the ``litellm`` engine, None if no model is set or the package is missing."""
    if not settings.litellm_model:
        return None
    if importlib.util.find_spec("litellm") is None:
        _log.error("STORYFORK_LITELLM_MODEL is set, but litellm is missing: pip install 'storyfork[litellm]'")
        return None
    from workers.engines.text.remote.litellm import LiteLLMEngine

    return LiteLLMEngine(
        settings.litellm_model,
        api_key=settings.litellm_api_key.get_secret_value() if settings.litellm_api_key else "",
        base_url=settings.litellm_base_url.with_credentials if settings.litellm_base_url else "",
        models=settings.litellm_models,
        prices=settings.remote_prices,
        timeouts=_timeouts(settings),
        context=settings.litellm_context,
    )


def _timeouts(settings: TextSettings) -> Timeouts:
    return Timeouts(
        settings.remote_connect_timeout,
        settings.remote_timeout,
        settings.remote_chunk_timeout,
        settings.remote_total_timeout,
    )
