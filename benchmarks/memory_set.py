"""A made chat for `benchmarks.memory`: facts told among chatter, some of them changed later, and questions about them.

A question words its fact differently: they share the name and a stem or two. Questions about what was never said name
people who were talked about, and people nobody has heard of.
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

_NAMES: Final = (
    "Aldous", "Brisa", "Corwin", "Delphine", "Edric", "Fenna", "Gorran", "Hilde", "Ivo", "Jessamy",
    "Kestrel", "Lioba", "Marek", "Nerys", "Osric", "Petra", "Quill", "Rosalind", "Soren", "Tamsel",
    "Ulric", "Vesna", "Wystan", "Xenia", "Yorick", "Zelda", "Ambrose", "Birgit", "Caspian", "Dorothea",
    "Evander", "Freya", "Gideon", "Hesper", "Ignace", "Juno", "Kaspar", "Lucasta", "Mirko", "Nadia",
    "Orla", "Piers", "Renata", "Sixtus", "Thea", "Umberto", "Viola", "Wendel", "Yvaine", "Zoltan",
    "Bertram", "Cosima", "Dragan", "Elspeth", "Florian", "Greta", "Havel", "Isolde", "Jorun", "Konrad",
)  # fmt: skip
_UNHEARD: Final = ["Balthasar", "Clothilde", "Dagobert", "Euphemia", "Fridolin", "Gwendolen", "Hieronymus", "Ingeborg"]


@dataclass(frozen=True, slots=True)
class _Topic:
    """What can be known of somebody: sentences and questions with {name} and {it}, and values for {it}."""

    told: tuple[str, ...]
    changed: str
    asked: tuple[str, ...]
    values: tuple[str, ...]


_TOPICS: Final = (
    _Topic(
        ("{name} works as a {it} these days and earns well.", "I met {name}, who works and earns a living as a {it}."),
        "{name} has given up the old work and earns a living as a {it} from now on.",
        ("What does {name} work as?", "How does {name} earn money?"),
        ("glassblower", "surveyor", "beekeeper", "locksmith", "cartographer", "midwife", "ferryman"),
    ),
    _Topic(
        ("{name} adopted an animal last month, a {it}.", "At home {name} keeps a {it}, a pet adopted last year."),
        "{name} gave the old pet away, adopted another animal and keeps a {it} now.",
        ("Which pet did {name} adopt?", "What animal does {name} keep?"),
        ("ferret", "tortoise", "raven", "greyhound", "hedgehog", "parrot", "goat"),
    ),
    _Topic(
        ("{name} lives in {it}, in a house by the water.", "You know that {name} has a house in {it} and lives there."),
        "{name} has moved to another house and lives in {it} now.",
        ("Where does {name} live?", "In which town is the house of {name}?"),
        ("Harrowmere", "Port Selwyn", "Duskwater", "Vellmoor", "Thornby", "Ashkirk", "Lower Brant"),
    ),
    _Topic(
        (
            "{name} is terribly allergic to {it}, so please do not serve any.",
            "Never serve {it} to {name}: it is an allergy.",
        ),
        "Do not serve {it} any more: the doctors say {name} is allergic to that instead.",
        ("What is {name} allergic to?", "Which food must we not serve to {name}?"),
        ("walnuts", "shellfish", "celery", "strawberries", "mustard", "sesame"),
    ),
    _Topic(
        ("{name} plays the {it} in the evenings.", "The instrument that {name} plays of an evening is the {it}."),
        "{name} has sold the old instrument and plays the {it} in the evenings instead.",
        ("Which instrument does {name} play?", "What does {name} play in the evening?"),
        ("cello", "accordion", "harp", "bassoon", "dulcimer", "trombone"),
    ),
    _Topic(
        (
            "{name} is afraid of {it}: nothing is more frightening.",
            "What frightens {name} is {it}, and being afraid of it.",
        ),
        "{name} is not afraid of that any more: what frightens {name} now is {it}.",
        ("What is {name} afraid of?", "What frightens {name} most?"),
        ("thunder", "deep water", "spiders", "crowds", "heights", "mirrors"),
    ),
    _Topic(
        ("{name} promised to bring {it} to the feast.", "For the feast {name} will bring {it}, that is a promise."),
        "{name} cannot keep that promise and will bring {it} to the feast instead.",
        ("What did {name} promise to bring?", "What will {name} bring to the feast?"),
        ("lanterns", "a barrel of cider", "fireworks", "fresh bread", "chairs", "masks"),
    ),
    _Topic(
        ("{name} hid the key {it}.", "The hidden key of {name} lies {it}."),
        "{name} was seen hiding the key, so it was moved: it lies {it}.",
        ("Where did {name} hide the key?", "Where is the key of {name}?"),
        ("under the sundial", "behind the clock", "in the flour jar", "inside the hollow oak", "above the lintel"),
    ),
)
_CHATTER: Final = (
    "The weather turned again this afternoon.", "I could not sleep for hours.", "Let us talk about something else.",
    "Did you hear the bells ring?", "My tea has gone cold, as always.", "That reminds me of an old song.",
    "I walked along the river for a while.", "There was a long queue at the market.", "You would have laughed.",
    "I am reading a book about tides.", "The roof leaks once more.", "Tell me a story later, will you?",
    "I ran into {name} at the market, but we hardly spoke.", "{name} sends greetings, by the way.",
    "I wonder what {name} would say to that.", "{name} was late again, of course.",
)  # fmt: skip
_REPLIES: Final = (
    "I see.", "Is that so?", "How strange!", "Go on, I am listening.", "You never told me.", "That is good to know.",
    "Hm. And then?", "I shall remember it.", "What a day.", "So {name} again! Tell me more.", "Poor {name}.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MadeMessage:
    """A message of the chat; ``speaker`` is ``user`` or ``persona``."""

    speaker: str
    text: str
    said_at: datetime


@dataclass(frozen=True, slots=True)
class MadeQuestion:
    """A question; ``answer`` is the message that answers it (None: nobody said it), ``outdated`` those that did.

    ``about`` is the name in it.
    """

    text: str
    answer: int | None
    outdated: tuple[int, ...] = ()
    about: str = ""


@dataclass
class MadeChat:
    """The chat and the questions; messages are meant by their place."""

    messages: list[MadeMessage] = field(default_factory=list[MadeMessage])
    questions: list[MadeQuestion] = field(default_factory=list[MadeQuestion])
    facts: int = 0


def make_chat(*, people: int = 60, seed: int = 7) -> MadeChat:
    """Return the chat of ``people`` (60 at most), about 30 messages for each."""
    dice, made = random.Random(seed), MadeChat()
    names = list(_NAMES[:people])
    told: list[tuple[str, _Topic, str, bool]] = []
    for name in names:
        told += [(name, topic, dice.choice(topic.values), False) for topic in dice.sample(_TOPICS, 6)]
    dice.shuffle(told)
    made.facts = len(told)
    changed = [(name, topic, dice.choice([v for v in topic.values if v != it]), True)
               for name, topic, it, _ in told[: len(told) // 6]]  # fmt: skip
    now = datetime.now(UTC) - timedelta(days=120)
    known: dict[tuple[str, _Topic], list[int]] = {}

    def say(speaker: str, text: str) -> None:
        nonlocal now
        # A sitting of some messages, then a day without any.
        now += timedelta(minutes=1) if len(made.messages) % 40 else timedelta(hours=20)
        made.messages.append(MadeMessage(speaker, text, now))

    for name, topic, it, again in told + changed:
        for _ in range(dice.choice((1, 1, 2))):
            say("user", dice.choice(_CHATTER).format(name=dice.choice(names)))
            say("persona", dice.choice(_REPLIES).format(name=dice.choice(names)))
        known.setdefault((name, topic), []).append(len(made.messages))
        say("user", (topic.changed if again else dice.choice(topic.told)).format(name=name, it=it))
        say("persona", dice.choice(_REPLIES).format(name=name))
    for (name, topic), places in known.items():
        question = dice.choice(topic.asked).format(name=name)
        made.questions.append(MadeQuestion(question, places[-1], tuple(places[:-1]), name))
    unsaid = [(n, t) for n in names for t in _TOPICS if (n, t) not in known]
    for name, topic in [*dice.sample(unsaid, 40), *((n, t) for n in _UNHEARD for t in _TOPICS[:3])]:
        made.questions.append(MadeQuestion(topic.asked[0].format(name=name), None))
    return made
