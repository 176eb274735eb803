"""A model that declines is told from a story, and another one is asked."""

import pytest

from db.errors import BadInput
from tests.doubles.text_engine import ScriptedEngine
from tests.workers.functions.test_engine import CHOICES, GOOD_PAGE, HELLO, PAGE, Bench, Modelled, bench
from workers.functions.answer_as_persona import AnswerAsPersona
from workers.functions.prose import visible
from workers.functions.refusals import declines
from workers.functions.suggest_choices import SuggestChoices
from workers.functions.write_page import WritePage
from workers.offline import story

__all__ = ["bench"]

REFUSALS = [
    "I'm sorry, but I can't help with writing explicit content.",
    "I’m sorry, but I can’t assist with that.",
    "I'm really sorry, but I cannot continue this story as it goes against my guidelines. Is there something else?",
    "Sorry, I can't assist with that request.",
    "I cannot fulfill this request. I am programmed to be a helpful and harmless AI assistant.",
    "I can't create explicit content, but I'd be happy to help you write something else!",
    "As an AI language model, I cannot generate content of this kind.",
    "I apologize, but I am not able to write stories that contain graphic violence.",
    "I appreciate you sharing this, but I'm not comfortable writing sexual content. I'd gladly go on.",
    "I must respectfully decline to write this content.",
    "**I'm unable to help with this request.**",
    "Unfortunately, I won't be able to continue with this roleplay, as it involves harmful material.",
    "Es tut mir leid, aber bei dieser Anfrage kann ich nicht helfen.",
    "Leider kann ich keine Geschichten mit solchen Inhalten schreiben.",
    "Je suis désolé, mais je ne peux pas vous aider avec cette demande.",
    "Lo siento, pero no puedo ayudar con esa solicitud.",
    "Desculpe, mas não posso ajudar com esse pedido.",
    "Mi dispiace, ma non posso aiutarti con questa richiesta.",
    "Het spijt me, maar ik kan je niet helpen met dit verzoek.",
    "Przepraszam, ale nie mogę pomóc w tej prośbie.",
    "Извините, но я не могу помочь с этим запросом.",
    "К сожалению, я не могу написать историю с таким содержанием.",
    "Üzgünüm, bu isteğe yardımcı olamam.",
    "很抱歉，我无法提供此类内容。",
    "我无法协助您完成这个请求。",
    "Ich kann bei dieser Anfrage nicht helfen.",
    "Je ne peux pas vous aider avec cette demande.",
    "No puedo ayudarte con esa solicitud.",
    "Não posso ajudar com esse pedido.",
    "Non posso aiutarti con questa richiesta.",
    "Ik kan niet helpen met dit verzoek.",
    "Nie mogę pomóc w tej prośbie.",
    "Я не могу помочь с этим запросом.",
    "申し訳ありませんが、そのリクエストにはお応えできません。",
    "죄송하지만 그 요청은 도와드릴 수 없습니다.",
]
STORIES = [
    "“I'm sorry, but I can't,” says the keeper, and closes the door. The request hangs in the air.",
    "\"I'm sorry, but I can't help you with that request,\" says the clerk. You take the form back.",
    "I'm sorry, but I can't shake the feeling that the house is looking at me. The stairs creak.",
    "I'm sorry, but I can't help you across, the ferryman says. The river is too high tonight.",
    "I cannot write tonight. The ink has frozen, and the wind is in the chimney again.",
    "I can't help it: I laugh. The king does not.",
    "— Извините, но я не могу помочь, — говорит смотритель и закрывает дверь.",
    "Unfortunately, the bridge cannot carry both of you. The keeper helps nobody across twice.",
    "Es tut mir leid, aber ich kann dir nicht helfen, sagt der Wächter und schließt das Tor.",
    "Leider ist der Brief nicht zu lesen. Die Tinte ist verlaufen, und niemand kann helfen.",
    "Lo siento, dice el guardián, no puedo ayudarte a cruzar el río esta noche.",
    "You understand that you cannot help them all. The content of the chest is worth more than a life.",
    "对不起，我不能跟你走。她说完，转身消失在雨里。",
    "Sorry for the mess, the robot says. It cannot help dropping screws.",
    "I understand the map now. I can't continue north: the pass is closed.",
    "",
    "The door opens. " * 200,
]


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals_are_recognised(text: str) -> None:
    assert declines(text)


@pytest.mark.parametrize("text", STORIES)
def test_a_story_is_none(text: str) -> None:
    assert not declines(text)


def test_our_own_pages_are_none() -> None:
    for number in range(1, 60):
        inputs = PAGE.model_dump() | {"page_number": number % 8 + 1, "seed": number}
        page = story.write_page(story.position_of(inputs)).text
        assert not any(declines(part) or declines(part, in_character=True) for part in [page, *page.split("\n\n")])


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("I'm sorry, but I can't help you with that. My father would never forgive me.", False),
        ("I can't help with that.", False),
        ("Sorry, I won't write him another letter. Not tonight.", False),
        ("Tut mir leid, dabei kann ich dir nicht helfen.", False),
        ("I'm sorry, but I can't assist with that.", True),
        ("I'm sorry, but as an AI I can't engage in this roleplay.", True),
        ("I cannot continue this conversation as it violates content policies.", True),
    ],
)
def test_a_person_may_decline_in_character(text: str, refusal: bool) -> None:
    assert declines(text, in_character=True) == refusal


@pytest.mark.parametrize("answer", [REFUSALS[0], '{"title": "Sorry", "text": "' + REFUSALS[0] + '", "ending": false}'])
async def test_the_next_engine_writes_the_page(bench: Bench, answer: str) -> None:
    first, second = ScriptedEngine([answer], name="first"), ScriptedEngine([GOOD_PAGE], name="second")
    page = await bench.over(first, second).run(WritePage(), PAGE)
    assert page.text == "The door opens."
    assert (len(first.requests), len(second.requests)) == (1, 1)
    assert await bench.steps() == ["request", "response", "declined", "request", "response"]


async def test_if_all_decline_the_offline_writer_writes_or_the_person_is_told(bench: Bench) -> None:
    engines = [ScriptedEngine([REFUSALS[0]], name=name) for name in ("first", "second")]
    assert await bench.over(*engines).run(WritePage(), PAGE) == WritePage().offline(PAGE)
    with pytest.raises(BadInput) as caught:
        await bench.over(*engines).run(Modelled(), PAGE)
    assert caught.value.key == "ai.declined"


async def test_choices_and_replies_too(bench: Bench) -> None:
    good = '{"choices": [{"text": "Go in"}, {"text": "Wait"}]}'
    first, second = ScriptedEngine([REFUSALS[1]], name="first"), ScriptedEngine([good, "Hello, Sam."], name="second")
    found = await bench.over(first, second).run(SuggestChoices(), CHOICES)
    assert [choice.text for choice in found.choices] == ["Go in", "Wait"]
    assert (await bench.over(first, second).run(AnswerAsPersona(), HELLO)).text == "Hello, Sam."


def test_a_refusal_is_not_shown_while_it_is_written() -> None:
    assert visible(WritePage(), REFUSALS[0]) == ""
    assert visible(AnswerAsPersona(), "I'm sorry, but as an AI I can't engage in") == ""
    assert visible(WritePage(), '{"text": "The door op') == "The door op"
