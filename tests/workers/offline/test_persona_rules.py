"""What kind a message is, and how what a card says of somebody becomes what they say."""

import pytest

from prompts.languages import LANGUAGES
from workers.offline.persona import answer
from workers.offline.persona.facts import facts_of
from workers.offline.persona.kinds import read_message
from workers.offline.persona.recast import CardPerson, neutral, recast
from workers.offline.persona.sheets import attributes
from workers.offline.persona.style import contracted, style_of
from workers.offline.persona.tongues import tongue_lines, tongue_of
from workers.offline.persona.writer import said_in


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("hi", "greeting"), ("Good morning, Vex!", "greeting"), ("bye for now", "goodbye"),
        ("thank you so much", "thanks"),
        ("I'm sorry", "sorry"), ("you are so kind", "compliment"), ("you are an idiot", "insult"), ("haha", "laugh"),
        ("how are you?", "how_are_you"), ("ok", "agree"), ("no", "refuse"), ("", "empty"),
        ("...", "empty"), ("😂", "emoji"),
        (":-)", "emoji"), ("?", "huh"), ("???", "huh"), ("asdfghjkl", "nonsense"), ("why?", "follow_why"),
        ("and then?", "follow_more"), ("go on", "follow_more"), ("really?", "follow_really"), ("huh?", "follow_again"),
        ("Who is that?", "who"), ("what did you steal last?", "what"), ("Why did you leave the guild?", "why"),
        ("when were you born?", "when"), ("where is the key?", "where"), ("how do you pick a lock?", "how"),
        ("how many cats do you have?", "how_many"), ("how old are you", "how_many"), ("do you like tea?", "yesno"),
        ("Tea or coffee?", "either"),
        ("Hi there, do you live here?", "yesno"),
        ("thanks, but where is the key?", "where"),
        ("tell me about your coat", "tell"), ("tell me a story", "request_story"), ("open the door", "request_any"),
        ("help me", "request_help"), ("what should I do?", "request_advice"), ("let's go", "request_come"),
        ("leave me alone", "request_stop"), ("I feel so sad", "feeling_sad"), ("I won!", "feeling_glad"),
        ("The sea is loud tonight.", "statement"), ("are you a bot?", "machine"), ("what is my name?", "user_name"),
        ("I love you", "love_you"), ("what did I say?", "recall"), ("do you like me?", "think_of_user"),
    ],
)  # fmt: skip
def test_the_kind_of_a_message(message: str, kind: str) -> None:
    assert read_message(message, ("Vex",)).kind == kind


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("Vex steals keys.", "I steal keys."),
        ("Vex is a burglar who loves cats.", "I am a burglar who loves cats."),
        ("She has never told her sister.", "I have never told my sister."),
        ("She's afraid of dogs.", "I'm afraid of dogs."),
        ("Her coat belonged to a conductor.", "My coat belonged to a conductor."),
        ("Vex's gloves are black.", "My gloves are black."),
        ("She often carries a rope and hides it from her boss.", "I often carry a rope and hide it from my boss."),
        ("She runs the shop because her brother lost his sight.", "I run the shop because my brother lost his sight."),
        ("She tries to teach herself Latin.", "I try to teach myself Latin."),
        ("She doesn't trust Sam's cat.", "I don't trust your cat."),
        ("She grew up in Lyon.", "I grew up in Lyon."),
        ("Vex, a burglar, lives above the market.", "I live above the market."),
        # What leaves open who is meant is said by nobody.
        ("Her mother told Ada that she was adopted.", None),
        ("He owns the ferry.", None),
        ("Sam is her best friend.", None),
        ("Steal keys.", None),
        ("{{char}} steals [keys].", None),
        ("Does she steal?", None),
    ],
)  # fmt: skip
def test_what_is_told_of_somebody_becomes_their_own(told: str, said: str | None) -> None:
    who = CardPerson.of(("Vex",), "She steals. Her coat is red. She runs.", "Sam")
    assert recast(told, who) == said


def test_what_is_said_of_other_things_stays_and_orders_to_a_model_do_not() -> None:
    who = CardPerson.of(("Vex",), "She steals. Her coat is red.", "Sam")
    assert neutral("The market closes at her command.", who) == "The market closes at my command."
    assert neutral("Always stay in character.", who) is None
    assert neutral("The reply must be short.", who) is None


def test_lists_of_several_kinds_are_read() -> None:
    assert attributes('[Character("Rin") { Age("24") Likes("rain" + "tea") }]')[0] == {
        "age": ["24"],
        "likes": ["rain", "tea"],
    }
    assert attributes("[Rin's job: nurse; likes: rain, tea]")[0] == {"work": ["nurse"], "likes": ["rain", "tea"]}
    found, prose = attributes("**Age**: 24\nShe is a nurse. She sings.\nHates = noise")
    assert found == {"age": ["24"], "dislikes": ["noise"]}
    assert prose == "She is a nurse. She sings."


def test_the_style_of_a_card_is_used_where_it_is_plain() -> None:
    style = style_of({"speaking_style": 'Terse. Calls everyone child. Says "bless me" when surprised.'}, ("Maren",))
    assert (style.openers, style.address, style.terse) == (("Bless me.",), "child", True)
    examples = "User: Is it far?\nRin: Right. It is.\nRin: I really do not know. Ask Bo."
    assert style_of({"example_dialogue": examples}, ("Rin",)).openers == ("Right.",)


def test_who_contracts_does_so_in_every_line() -> None:
    examples = "Rin: I'm late, don't look.\nRin: It's mine, isn't it?"
    assert style_of({"example_dialogue": examples}, ("Rin",)).contracts
    assert not style_of({"example_dialogue": "Rin: I am late. Do not look."}, ("Rin",)).contracts
    assert contracted("I am here. You would not. That is how it is.") == "I'm here. You wouldn't. That's how it is."
    assert contracted("Older than I am. Where you are? I cannot, I will not.") == (
        "Older than I am. Where you are? I can't, I won't."
    )
    assert said_in("I'm here. You won't.") == said_in("I am here. You will not.")


def test_every_offered_language_has_its_lines() -> None:
    assert set(tongue_lines()) == set(LANGUAGES) - {"en"}
    for tag, lines in tongue_lines().items():
        for kind, said in lines.said.items():
            assert tongue_of(said.split("|")[0] + "!") == (tag, kind)


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("Wo wohnst du und was machst du dort den ganzen Tag?", ("de", "unknown")),
        ("¿Dónde vives y qué es lo que más te gusta?", ("es", "unknown")),
        ("你是谁？", ("zh", "unknown")),
        ("どこに住んでいますか", ("ja", "unknown")),
        ("Где ты живёшь?", ("ru", "unknown")),
        ("Do I know how to do it, or do you?", None),
        ("What is the password of the inn?", None),
        ("ok", None),
    ],
)
def test_the_language_of_a_message(message: str, found: tuple[str, str] | None) -> None:
    assert tongue_of(message) == found


def test_a_greeting_in_another_language_is_returned_in_it() -> None:
    card = {"name": "Bo"}
    greeted = {answer({"persona": card, "user_name": "Sam", "message": "Bonjour !", "seed": seed}) for seed in range(9)}
    assert any(each.startswith(("Bonjour", "Salut", "Bonsoir")) for each in greeted)
    assert answer({"persona": card, "user_name": "Sam", "message": "谢谢", "seed": 1}).endswith("。")


KEEPER = (
    "A lighthouse keeper on the Cornish coast, forty years old. She writes letters to strangers and repairs clocks."
)
TOM = (
    "Tom is a 52 year old detective who lives in Leeds with his cat Biscuit. He drinks too much tea, sleeps badly and "
    "never forgets a face. His left hand is made of brass."
)
SHY = "Shy, bookish girl of 22 who works in a record shop. Loves jazz. Afraid of crowds. Lives with her grandmother."


@pytest.mark.parametrize(
    ("name", "description", "told"),
    [
        ("Mira", KEEPER, {"I am a lighthouse keeper on the Cornish coast.", "I am forty years old."}),
        ("Mira", KEEPER, {"I write letters to strangers and repair clocks."}),
        ("Tom", TOM, {"I am a 52 year old detective.", "I live in Leeds with my cat Biscuit.", "I am 52 years old."}),
        ("Tom", TOM, {"I drink too much tea, sleep badly and never forget a face."}),
        ("Aiko", SHY, {"I am a shy, bookish girl of 22.", "I work in a record shop.", "I am 22 years old."}),
        ("Aiko", SHY, {"I love jazz.", "I am afraid of crowds.", "I live with my grandmother."}),
        ("Captain Rook", "Rook (he/him) commands an airship. Rook is loud.", {"I command an airship.", "I am loud."}),
        ("Bo", "Bo is a cook: patient, dry. Her sister, aged 9, sings.", {"I am a cook."}),
        ("Grumm", "You are Grumm, a troll who guards a bridge. You guard it well.", {"I guard a bridge."}),
    ],
)
def test_cards_as_people_type_them_are_told_in_the_first_person(name: str, description: str, told: set[str]) -> None:
    found = {fact.text for fact in facts_of({"description": description}, names=(name,), user="", lore=(), memories=())}
    assert told <= found
    assert not {each for each in found if "guard it" in each or "patient" in each or "I am 9" in each}


@pytest.mark.parametrize(
    ("description", "message", "said"),
    [
        (KEEPER, "How old are you?", "forty"),
        (KEEPER, "Where do you live?", "on the Cornish coast"),
        (KEEPER, "What do you repair?", "clocks"),
        (TOM, "Do you have a cat?", "Biscuit"),
        (SHY, "What do you do?", "record shop"),
    ],
)
def test_what_was_said_before_is_said_again_in_the_words_that_answer(description: str, message: str, said: str) -> None:
    card = {"name": "Tom" if description is TOM else "Mira", "description": description}
    history: list[dict[str, str]] = []
    for told in ("Who are you?", message, message):
        reply = answer({"persona": card, "user_name": "Sam", "message": told, "history": history, "seed": 1})
        history += [{"role": "user", "text": told}, {"role": "assistant", "text": reply}]
    assert said in (history[3]["text"] + history[1]["text"])
    assert said in history[5]["text"].replace("On the", "on the")


@pytest.mark.parametrize(
    ("description", "message", "never"),
    [
        (SHY, "Have you ever been in love?", "jazz"),
        (SHY, "What is your favourite food?", "jazz"),
        (SHY, "Do you have a sister?", "grandmother"),
        (TOM, "Why did your wife leave?", "hand"),
        (KEEPER, "What do you do when it rains?", "rains"),
        ("Bo has 3 dogs.", "How many books have you read?", "dogs"),
    ],
)
def test_what_only_sounds_like_an_answer_is_none(description: str, message: str, never: str) -> None:
    card = {"name": "Bo", "description": description}
    for seed in range(5):
        told = answer({"persona": card, "user_name": "Sam", "message": message, "seed": seed, "place": seed})
        assert never not in told.split("?")[0].split(".")[0]


@pytest.mark.parametrize(
    ("message", "never"),
    [
        ("Is there something that you never told anybody?", "I am told"),
        ("I think it is going to rain.", "you think"),
    ],
)
def test_little_words_answer_nothing_and_are_not_thrown_back(message: str, never: str) -> None:
    card = {"name": "Anselm", "appearance": "A monk with ink on his sleeves."}
    for seed in range(6):
        assert never not in answer(
            {"persona": card, "user_name": "Sam", "message": message, "seed": seed, "place": seed}
        )
