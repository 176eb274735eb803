"""Whether a picture that came from outside may be shown, or shown to a model: the operator's classifier judges it."""

from prompts.safety.rating import Rating, lowest
from workers.engines.errors import EngineError
from workers.engines.image.checked import ScoresPictures
from workers.pictures.safety import Clearance, SafetySettings, Verdict, verdict


async def examine(
    png: bytes, rating: Rating, classifier: ScoresPictures | None, safety: SafetySettings, *, minors: bool = False
) -> Verdict:
    """Return what may be done with a clean PNG where ``rating`` is allowed. ``minors``: somebody young is in it.

    Without a classifier it is the operator's strictness that decides; what cannot be judged is refused.
    """
    clearance = Clearance("sfw" if minors else lowest(rating, "nsfw" if classifier else "suggestive"), minors)
    if classifier is None:
        return verdict(clearance, None, safety)
    try:
        unsafe, young = await classifier.scores(png)
    except EngineError:
        return "refuse"
    return verdict(clearance, unsafe, safety, young=young)
