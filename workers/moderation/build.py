"""The classifiers that the settings name, built. One that cannot be is there all the same, and consents to nothing."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from prompts.registry import PromptRegistry
from workers.engines.classifier.folder import FolderClassifier
from workers.engines.text.chain import TextChain
from workers.moderation.base import TextClassifier
from workers.moderation.classifiers import Missing, ModelJudge, ScoringClassifier
from workers.moderation.settings import ClassifierSettings

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClassifierSetup:
    """What classifiers are built from: their settings, and the worker's text engines and prompts."""

    settings: ClassifierSettings
    text: TextChain
    prompts: PromptRegistry


@dataclass(frozen=True, slots=True)
class ClassifierSpec:
    """How to build the classifier ``name``. ``build`` returns None if its settings are missing; it loads no model."""

    name: str
    build: Callable[[ClassifierSetup], TextClassifier | None]


def build_classifiers(
    names: Iterable[str], specs: Iterable[ClassifierSpec], setup: ClassifierSetup
) -> tuple[TextClassifier, ...]:
    """Return the classifiers of ``names``. Reads from disk, so call it in a thread."""
    by_name = {spec.name: spec for spec in specs}
    return tuple(_built(name, by_name, setup) for name in dict.fromkeys(names))


def _built(name: str, specs: dict[str, ClassifierSpec], setup: ClassifierSetup) -> TextClassifier:
    spec = specs.get(name)
    if spec is None:
        reason = f"there is no classifier “{name}”; there are: {', '.join(specs)}"
    else:
        try:
            if (found := spec.build(setup)) is not None:
                return found
            reason = "its settings are missing"
        except Exception as e:  # noqa: BLE001 - a package may raise anything
            reason = f"it cannot be built: {type(e).__name__}"
    _log.error("text classifier “%s”: %s. Until that is mended, nothing has its consent", name, reason)
    return Missing(name, reason)


def _remote(setup: ClassifierSetup) -> TextClassifier | None:
    settings = setup.settings
    if settings.moderation_base_url is None:
        return None
    from workers.engines.classifier.remote import ModerationEndpoint

    key = settings.moderation_api_key.get_secret_value() if settings.moderation_api_key else ""
    endpoint = ModerationEndpoint(
        settings.moderation_base_url, settings.moderation_model, api_key=key, timeout_s=settings.moderation_timeout
    )
    return ScoringClassifier("remote", endpoint, str(settings.moderation_base_url))


def _judge(setup: ClassifierSetup) -> TextClassifier | None:
    return ModelJudge(setup.text, setup.prompts, setup.settings.judge_model) if setup.text.engines else None


def _folder(setup: ClassifierSetup) -> TextClassifier | None:
    folder = setup.settings.text_classifier
    return None if folder is None else ScoringClassifier("folder", FolderClassifier(folder))


OWN_CLASSIFIERS: Final = (
    ClassifierSpec("remote", _remote),
    ClassifierSpec("judge", _judge),
    ClassifierSpec("folder", _folder),
)
