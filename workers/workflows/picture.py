"""Workflows of pictures: deciding what to draw, drawing, answering."""

from workers.steps.picture.draw import DrawPicture
from workers.steps.picture.moment import OrderMoment
from workers.steps.picture.order import (
    CleanSource,
    FindImageEngine,
    OrderAgain,
    OrderPage,
    OrderUpscaled,
    OrderVariation,
)
from workers.steps.picture.people import OrderImagined, OrderPortrait
from workers.steps.picture.publish import PublishPicture
from workers.workflows.base import Workflow


class DrawImagined(Workflow):
    """Draw what a person describes, or redraw a picture of theirs."""

    name = "imagine"
    steps = (FindImageEngine(), CleanSource(), OrderImagined(), DrawPicture(), PublishPicture())


class DrawPage(Workflow):
    """Draw the best moment of a page."""

    name = "illustrate_page"
    steps = (FindImageEngine(), OrderPage(), DrawPicture(), PublishPicture())


class DrawPortrait(Workflow):
    """Draw a persona."""

    name = "persona_portrait"
    steps = (FindImageEngine(), OrderPortrait(), DrawPicture(), PublishPicture())


class DrawChatMoment(Workflow):
    """Draw a moment of a chat."""

    name = "draw_moment"
    steps = (FindImageEngine(), OrderMoment(), DrawPicture(), PublishPicture())


class DrawOnceMore(Workflow):
    """Draw the same again with another seed."""

    name = "draw_again"
    steps = (FindImageEngine(), OrderAgain(), DrawPicture(), PublishPicture())


class DrawVariation(Workflow):
    """Redraw a picture a little differently."""

    name = "variations"
    steps = (FindImageEngine(), OrderVariation(), DrawPicture(), PublishPicture())


class DrawUpscaled(Workflow):
    """Redraw a picture at twice its size."""

    name = "upscale"
    steps = (FindImageEngine(), OrderUpscaled(), DrawPicture(), PublishPicture())
