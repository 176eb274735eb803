"""How functions sample: who has a say, in which order."""

import pytest

from db.agents import AGENTS, FUNCTIONS, FunctionSettings, SamplingChoice, product_sampling
from workers.engines.text.base import Sampling
from workers.functions.answer_as_persona import AnswerAsPersona
from workers.functions.sampling import LEAST_TOKENS, resolve
from workers.functions.suggest_choices import SuggestChoices
from workers.functions.write_page import WritePage
from workers.registries import OWN_FUNCTIONS

PRODUCT = product_sampling()


def test_every_function_of_ours_is_known_with_its_agent() -> None:
    assert {f.name: f.agent for f in OWN_FUNCTIONS} == {name: about.agent for name, about in FUNCTIONS.items()}
    assert {about.agent for about in FUNCTIONS.values()} <= set(AGENTS)
    assert not set(FUNCTIONS) & set(AGENTS)


@pytest.mark.parametrize(
    ("agent", "temperature", "max_tokens"),
    [("writer", 0.8, 2000), ("editor", 0.6, 800), ("character", 0.8, 800), ("rater", 0.7, 600)],
)
def test_the_products_agents(agent: str, temperature: float, max_tokens: int) -> None:
    assert PRODUCT.of(agent) == SamplingChoice(temperature, max_tokens, 0.95)


def test_a_function_samples_as_its_agent_unless_it_differs() -> None:
    page, choices = resolve(WritePage(), PRODUCT, {}, ""), resolve(SuggestChoices(), PRODUCT, {}, "")
    assert page.sampling == Sampling(max_tokens=2000, temperature=0.8, top_p=0.95, repeat_penalty=1.05)
    assert choices.sampling == Sampling(max_tokens=300, temperature=0.7, top_p=0.95)
    assert (page.model, resolve(AnswerAsPersona(), PRODUCT, {}, "").model) == ("writer", "chat")


def test_the_operator_chooses_by_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYFORK_FUNCTION_WRITER_TEMPERATURE", "0.3")
    monkeypatch.setenv("STORYFORK_FUNCTION_WRITER_MODEL", "big")
    monkeypatch.setenv("STORYFORK_FUNCTION_WRITE_PAGE_MAX_TOKENS", "900")
    monkeypatch.setenv("STORYFORK_FUNCTION_SUGGEST_CHOICES_TOP_P", "")
    operator = FunctionSettings()
    page, choices = resolve(WritePage(), operator, {}, ""), resolve(SuggestChoices(), operator, {}, "")
    assert (page.sampling.temperature, page.sampling.max_tokens, page.model) == (0.3, 900, "big")
    assert (choices.sampling.temperature, choices.sampling.max_tokens, choices.model) == (0.7, 300, "big")


def test_small_models_sample_otherwise_unless_somebody_has_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    page = resolve(WritePage(), PRODUCT, {}, "", "small").sampling
    assert (page.temperature, page.dry, page.min_p, page.repeat_penalty) == (0.7, 0.8, 0.08, 1.1)
    assert resolve(WritePage(), PRODUCT, {}, "", "medium").sampling == resolve(WritePage(), PRODUCT, {}, "").sampling
    monkeypatch.setenv("STORYFORK_FUNCTION_WRITER_TEMPERATURE", "0.3")
    monkeypatch.setenv("STORYFORK_FUNCTION_WRITE_PAGE_DRY", "0")
    monkeypatch.setenv("STORYFORK_FUNCTION_WRITE_PAGE_XTC", "0.5")
    account = {"writer": SamplingChoice(max_tokens=900)}
    page = resolve(WritePage(), FunctionSettings(), account, "", "small").sampling
    assert (page.temperature, page.dry, page.xtc, page.max_tokens) == (0.3, 0, 0.5, 900)


@pytest.mark.parametrize(
    ("variable", "value"), [("TEMPERATURE", "2.1"), ("MAX_TOKENS", "0"), ("TOP_P", "0"), ("MAX_TOKENS", "many")]
)
def test_absurd_settings_are_refused(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(f"STORYFORK_FUNCTION_WRITER_{variable}", value)
    with pytest.raises(ValueError, match="writer"):
        FunctionSettings()


def test_the_account_goes_first_and_the_function_before_its_agent() -> None:
    account = {"writer": SamplingChoice(temperature=0.1, model="small"), "write_page": SamplingChoice(top_p=0.5)}
    page, choices = resolve(WritePage(), PRODUCT, account, "usual"), resolve(SuggestChoices(), PRODUCT, account, "")
    assert (page.sampling.temperature, page.sampling.top_p, page.sampling.max_tokens) == (0.1, 0.5, 2000)
    assert (choices.sampling.temperature, choices.sampling.max_tokens) == (0.1, 300)
    assert (page.model, choices.model) == ("small", "small")
    assert resolve(AnswerAsPersona(), PRODUCT, account, "usual").model == "usual"


class Rolling(SuggestChoices):
    """A package's function."""

    name = "rolling"
    sampling = Sampling(max_tokens=40, temperature=0.7, top_p=None)


def test_a_packages_function_says_itself_how_it_samples_and_the_account_goes_before() -> None:
    assert resolve(Rolling(), PRODUCT, {}, "").sampling == Sampling(max_tokens=40, temperature=0.7, top_p=0.95)
    account = {"writer": SamplingChoice(temperature=0.2), "rolling": SamplingChoice(max_tokens=50)}
    assert resolve(Rolling(), PRODUCT, account, "").sampling == Sampling(max_tokens=50, temperature=0.2, top_p=0.95)


@pytest.mark.parametrize(("window", "tokens"), [(8192, 2000), (6000, 2000), (3000, 1000), (100, LEAST_TOKENS)])
def test_an_answer_leaves_most_of_the_window_to_the_prompt(window: int, tokens: int) -> None:
    resolved = resolve(WritePage(), PRODUCT, {}, "").within(window)
    assert resolved.sampling.max_tokens == tokens
