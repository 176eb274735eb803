"""Jobs that make another picture from one: the same again, a little different, or larger."""

from typing import ClassVar

from db.work import JobParameters, Links, PictureTerms


class FromPicture(JobParameters, PictureTerms):
    """Make another picture from ``picture``; base of the job types below."""

    picture: int

    def links(self) -> Links:
        """Return the picture."""
        return Links(picture_id=self.picture)


class DrawAgain(FromPicture):
    """Draw the same again with another seed."""

    type: ClassVar[str] = "draw_again"


class Variations(FromPicture):
    """Redraw a picture a little differently."""

    type: ClassVar[str] = "variations"


class Upscale(FromPicture):
    """Redraw a picture at twice its size."""

    type: ClassVar[str] = "upscale"
