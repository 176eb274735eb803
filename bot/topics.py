"""Topics: the features of the bot. The list of the product's own, and those of installed packages.

A topic brings commands, actions (buttons), views (messages), routes for plain text, what can be done with messages,
and wording, in files of its name. A package adds a topic through an entry point of the group ``storyfork.topics`` that
names a `Topic`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from bot import announcement_settings, locales
from bot.actions import answers as answers_actions
from bot.actions import archive as archive_actions
from bot.actions import audit as audit_actions
from bot.actions import channel as channel_actions
from bot.actions import chat as chat_actions
from bot.actions import chats as chats_actions
from bot.actions import data as data_actions
from bot.actions import gallery as gallery_actions
from bot.actions import job as job_actions
from bot.actions import linking as linking_actions
from bot.actions import lore as lore_actions
from bot.actions import memory as memory_actions
from bot.actions import operators as operators_actions
from bot.actions import persona as persona_actions
from bot.actions import picture as picture_actions
from bot.actions import remember as remember_actions
from bot.actions import report as report_actions
from bot.actions import start as start_actions
from bot.actions import story as story_actions
from bot.actions import suggestions as suggestions_actions
from bot.actions import told as told_actions
from bot.actions import vote as vote_actions
from bot.actions.base import ActionRegistry, ActionSpec
from bot.commands import (
    archive,
    ask,
    audit,
    channel,
    chat_import,
    chats,
    data,
    feed,
    gallery,
    general,
    language,
    linking,
    lore,
    memory,
    model,
    operators,
    permissions,
    persona,
    persona_cards,
    persona_company,
    persona_making,
    persona_writing,
    picture,
    prompt,
    prompt_tests,
    rating,
    report,
    sampling,
    sessions,
    story,
    suggestions,
    told,
)
from bot.commands import picture_looks as looks
from bot.commands.base import CommandRegistry, CommandSpec
from bot.commands.help import HelpPages
from bot.commands.settings import SettingsPages
from bot.commands.start import start_command
from bot.data_preferences import DATA_PREFERENCES
from bot.forms import Forms
from bot.links import LinkRegistry, LinkSpec
from bot.menus import EntryRegistry, EntrySpec, MenuRegistry, MenuSpec
from bot.message_entries import MessageEntries
from bot.preferences import PreferenceRegistry, PreferenceSpec
from bot.routes import chat as chat_routes
from bot.routes import story as story_routes
from bot.routes.base import RouteRegistry, TextRoute
from bot.time_zones import TIME_ZONE
from bot.views import account as account_views
from bot.views import archive as archive_views
from bot.views import ask as ask_views
from bot.views import audit as audit_views
from bot.views import cards as cards_views
from bot.views import channel as channel_views
from bot.views import chat as chat_views
from bot.views import chats as chats_views
from bot.views import data as data_views
from bot.views import feed as feed_views
from bot.views import form as form_views
from bot.views import gallery as gallery_views
from bot.views import help as help_views
from bot.views import linking as linking_views
from bot.views import lore as lore_views
from bot.views import memory as memory_views
from bot.views import memory_item as memory_item_views
from bot.views import message as message_views
from bot.views import notice as notice_views
from bot.views import operators as operators_views
from bot.views import permissions as permissions_views
from bot.views import persona as persona_views
from bot.views import picture as picture_views
from bot.views import prompt as prompt_views
from bot.views import prompt_tests as prompt_tests_views
from bot.views import report as report_views
from bot.views import sampling as sampling_views
from bot.views import sessions as session_views
from bot.views import settings as settings_views
from bot.views import start as start_views
from bot.views import status as status_views
from bot.views import story as story_views
from bot.views import suggestions as suggestions_views
from bot.views import told as told_views
from bot.views.base import ViewRegistry, ViewSpec
from db.registry import OWN, NameTaken, Problem, load_plugins

GROUP: Final = "storyfork.topics"
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Topic:
    """The parts of one feature. ``wording`` is a Python package that holds ``<language>.toml`` files (bot.locales).

    ``help.topic_<name>`` is the wording under which `/help` lists its commands. ``switch`` is the command or group of
    commands with which its buttons, routes and menu entries are switched off (default: its first command's group).
    """

    name: str
    commands: Sequence[CommandSpec] = ()
    actions: Sequence[ActionSpec] = ()
    views: Sequence[ViewSpec[Any]] = ()
    routes: Sequence[TextRoute] = ()
    menus: Sequence[MenuSpec] = ()
    entries: Sequence[EntrySpec] = ()
    preferences: Sequence[PreferenceSpec] = ()
    links: Sequence[LinkSpec] = ()
    switch: str = ""
    wording: str = ""


PRODUCT: Final = (
    Topic("story", story.COMMANDS, story_actions.ACTIONS, story_views.VIEWS, story_routes.ROUTES),
    Topic(
        "persona",
        (
            *persona.COMMANDS,
            *persona_company.COMMANDS,
            *persona_making.COMMANDS,
            *persona_writing.COMMANDS,
            *persona_cards.COMMANDS,
        ),
        persona_actions.ACTIONS,
        (*persona_views.VIEWS, *cards_views.VIEWS),
        links=persona_making.LINKS,
    ),
    Topic(
        "chat",
        (*chats.COMMANDS, *chat_import.COMMANDS, *suggestions.COMMANDS),
        (*chat_actions.ACTIONS, *answers_actions.ACTIONS, *chats_actions.ACTIONS, *suggestions_actions.ACTIONS),
        (*chat_views.VIEWS, *chats_views.VIEWS, *suggestions_views.VIEWS),
        chat_routes.ROUTES,
        entries=(*answers_actions.ENTRIES, *suggestions_actions.ENTRIES),
        switch="chat",
    ),
    Topic("channel", channel.COMMANDS, channel_actions.ACTIONS, channel_views.VIEWS),
    Topic("vote", (), vote_actions.ACTIONS),
    Topic("ask", ask.COMMANDS, (), ask_views.VIEWS),
    Topic(
        "memory",
        memory.COMMANDS,
        (*memory_actions.ACTIONS, *remember_actions.ACTIONS),
        (*memory_views.VIEWS, *memory_item_views.VIEWS),
        entries=remember_actions.ENTRIES,
    ),
    Topic("archive", archive.COMMANDS, archive_actions.ACTIONS, archive_views.VIEWS),
    Topic(
        "told",
        (*told.COMMANDS, *sessions.COMMANDS),
        told_actions.ACTIONS,
        (*told_views.VIEWS, *session_views.VIEWS),
    ),
    Topic("lore", lore.COMMANDS, lore_actions.ACTIONS, lore_views.VIEWS),
    Topic("feed", feed.COMMANDS, (), feed_views.VIEWS),
    Topic("language", preferences=(*language.PREFERENCES, TIME_ZONE)),
    Topic(
        "picture",
        (*picture.COMMANDS, *gallery.COMMANDS, *looks.COMMANDS),
        (*picture_actions.ACTIONS, *gallery_actions.ACTIONS),
        (*picture_views.VIEWS, *gallery_views.VIEWS),
        entries=picture_actions.ENTRIES,
        preferences=(*picture.PREFERENCES, *looks.PREFERENCES),
    ),
    Topic("rating", rating.COMMANDS, preferences=rating.PREFERENCES),
    Topic(
        "prompt",
        (*prompt.COMMANDS, *prompt_tests.COMMANDS),
        (),
        (*prompt_views.VIEWS, *prompt_tests_views.VIEWS),
    ),
    Topic("account", model.COMMANDS, (), account_views.VIEWS, preferences=model.PREFERENCES),
    Topic("sampling", sampling.COMMANDS, (), sampling_views.VIEWS),
    Topic("link", linking.COMMANDS, linking_actions.ACTIONS, linking_views.VIEWS, links=linking.LINKS),
    Topic("data", data.COMMANDS, data_actions.ACTIONS, data_views.VIEWS, preferences=DATA_PREFERENCES),
    Topic("job", (), job_actions.ACTIONS),
    Topic(
        "operator",
        operators.COMMANDS,
        operators_actions.ACTIONS,
        operators_views.VIEWS,
        preferences=announcement_settings.PREFERENCES,
    ),
    Topic("permission", permissions.COMMANDS, (), permissions_views.VIEWS),
    Topic("report", report.COMMANDS, report_actions.ACTIONS, report_views.VIEWS, menus=report.MENUS),
    Topic("audit", audit.COMMANDS, audit_actions.ACTIONS, audit_views.VIEWS),
    Topic("general", general.COMMANDS, (), (*status_views.VIEWS, *notice_views.VIEWS)),
)
"""In the order in which help lists their commands."""


class Topics:
    """The registries of all topics. ``problems`` names the packages that could not be used, and why."""

    def __init__(self) -> None:
        """Start with what shows the parts of all topics: forms, the first screen, help, settings."""
        self.commands = CommandRegistry()
        self.actions = ActionRegistry()
        self.views = ViewRegistry()
        self.routes = RouteRegistry()
        self.menus = MenuRegistry()
        self.entries = EntryRegistry()
        self.preferences = PreferenceRegistry()
        self.links = LinkRegistry()
        self.forms = Forms(self.commands, self.actions)
        self.problems: list[Problem] = []
        self._sources: dict[str, str] = {}
        self._sections: dict[str, Sequence[CommandSpec]] = {}
        pages, settings = HelpPages(self._sections), SettingsPages(self.preferences)
        entries = MessageEntries(self.entries, self.actions, self.forms)
        self.add(Topic("form", actions=self.forms.actions(), views=form_views.VIEWS), OWN)
        self.add(
            Topic(
                "start",
                (start_command(self.links), pages.command(), settings.command(), entries.command()),
                (*start_actions.ACTIONS, *pages.actions(), *settings.actions()),
                (*start_views.VIEWS, *help_views.VIEWS, *settings_views.VIEWS, *message_views.VIEWS),
                menus=(entries.menu(),),
            ),
            OWN,
        )

    def add(self, topic: object, source: str) -> None:
        """Register everything of a topic, or nothing.

        Raises `TypeError` if it is not a topic, `db.registry.NameTaken` if a name is taken, `ValueError` for an entry
        without a button.
        """
        if not isinstance(topic, Topic):
            raise TypeError(f"{topic!r} is not a bot.topics.Topic")
        if topic.name in self._sources:
            raise NameTaken(f"topic {topic.name!r} is taken by {self._sources[topic.name]}")
        commands = tuple(topic.commands)  # an iterator would be empty after the check
        switch = topic.switch or next((spec.name.partition(" ")[0] for spec in commands), "")
        whole = replace(
            topic,
            commands=commands,
            actions=tuple(_switched(spec, switch) for spec in topic.actions),
            views=tuple(topic.views),
            routes=tuple(_switched(spec, switch) for spec in topic.routes),
            menus=tuple(_switched(spec, switch) for spec in topic.menus),
            entries=tuple(topic.entries),
            preferences=tuple(topic.preferences),
            links=tuple(topic.links),
        )
        self.commands.check(whole.commands, CommandSpec)
        self.actions.check(whole.actions, ActionSpec)
        self.views.check(whole.views, ViewSpec)
        self.routes.check(whole.routes, TextRoute)
        self.menus.check(whole.menus, MenuSpec)
        self.entries.check(whole.entries, EntrySpec)
        verbs = {*self.actions.names, *(spec.verb for spec in whole.actions)}
        if nothing := [spec.name for spec in whole.entries if spec.verb not in verbs]:
            raise ValueError(f"message entry {nothing[0]!r} has the verb of no button")
        self.preferences.check(whole.preferences, PreferenceSpec)
        self.links.check(whole.links, LinkSpec)
        if whole.wording:
            locales.add(whole.wording)
        self.commands.add_all(whole.commands, source)
        self.actions.add_all(whole.actions, source)
        self.views.add_all(whole.views, source)
        self.routes.add_all(whole.routes, source)
        self.menus.add_all(whole.menus, source)
        self.entries.add_all(whole.entries, source)
        self.preferences.add_all(whole.preferences, source)
        self.links.add_all(whole.links, source)
        self._sources[topic.name], self._sections[topic.name] = source, whole.commands


def _switched(spec: S, switch: str) -> S:
    """Return a spec that is switched off with its topic's command, unless it names another."""
    if isinstance(spec, ActionSpec | TextRoute | MenuSpec) and not spec.command:
        return replace(spec, command=switch)
    return spec


def load_topics(own: Iterable[Topic] = PRODUCT) -> Topics:
    """Return the product's topics and those of installed packages."""
    topics = Topics()
    for topic in own:
        topics.add(topic, OWN)
    topics.problems += load_plugins(GROUP, topics.add)
    return topics
