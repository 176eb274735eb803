"""What is remembered of interactions is bounded in number and time."""

from bot.platforms.discord.acks import KEPT_SECONDS, MOST, Acks


def test_the_oldest_interactions_are_forgotten() -> None:
    acks = Acks()
    old = acks.open("old")
    old.since -= KEPT_SECONDS + 1
    acks.open("new")
    assert acks.get("old") is None
    for number in range(MOST + 100):
        acks.open(str(number))
    assert acks.get("new") is None
    assert acks.get(str(MOST + 99)) is not None
    assert acks.remembered <= MOST
