"""Steps of stories: write a page, offer choices, publish, and settle what was not chosen."""

from typing import Any, ClassVar

from db import jobs, stories
from db.errors import LeaseLost
from db.payloads.story import PageReady
from db.work import BranchingPage, IllustratePage, PictureTerms
from prompts.safety.rating import lowest, parse_rating
from workers.functions.engine import CallContext, FunctionEngine
from workers.functions.suggest_choices import ChoiceList, ChoicesInputs, SuggestChoices
from workers.functions.write_page import PageDraft, PageInputs, WritePage
from workers.steps.base import Commit, Run, Step, WaitFor
from workers.steps.lore import called_up, note_called
from workers.steps.past import read_way, without_memory


class WritePageStep(Step):
    """Write the text of the job's page."""

    name: ClassVar[str] = "write_page"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return a `PageDraft`."""
        inputs = PageInputs.model_validate(await _page_inputs(run))
        draft = await FunctionEngine(run.services).run(WritePage(), inputs, _caller(run, inputs))
        return {**draft.model_dump(), **called_up(inputs)}


class SuggestChoicesStep(Step):
    """Offer choices at the end of the page; none if it is an ending."""

    name: ClassVar[str] = "suggest_choices"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return a `ChoiceList`."""
        draft = PageDraft.model_validate(run.outputs[WritePageStep.name])
        if draft.ending:
            return ChoiceList(choices=[]).model_dump()
        inputs = ChoicesInputs.model_validate({**without_memory(await _page_inputs(run)), "page_text": draft.text})
        choices = await FunctionEngine(run.services).run(SuggestChoices(), inputs, _caller(run, inputs))
        return choices.model_dump()


class PublishPage(Commit):
    """Attach text and choices to the page, and announce it."""

    name: ClassVar[str] = "publish_page"
    kind: ClassVar[str] = "text_ready"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return the page's id. Raises `LeaseLost` if the page was deleted or abandoned."""
        parameters = run.parameters(BranchingPage)
        page_id = parameters.page
        draft = PageDraft.model_validate(run.outputs[WritePageStep.name])
        offered = ChoiceList.model_validate(run.outputs.get(SuggestChoicesStep.name, {"choices": []}))
        page = await stories.attach_page(
            page_id,
            title=draft.title,
            text=draft.text,
            ending=draft.ending,
            choices=[(c.text, c.kind) for c in offered.choices],
            allowance=parameters.allowance,
        )
        if page is None:
            raise LeaseLost(f"page {page_id} was deleted or abandoned")
        await note_called(run.outputs[WritePageStep.name], page_id=page_id)
        await run.reply(PageReady(page=page_id))
        if parameters.pictures is not None:
            await _illustrate(run, page_id, parameters.pictures)
        return {"page": page_id, "ending": page.ending}


async def _illustrate(run: Run, page_id: int, terms: PictureTerms) -> None:
    """Have the page's picture drawn; it is shown when it is ready, the page does not wait for it."""
    picture = IllustratePage(illustrates=page_id, automatic=True, **terms.model_dump())
    await run.spawn(picture, priority=jobs.BACKGROUND, answers=True)


class WaitForReader(WaitFor):
    """Wait until a choice of the page is taken; an ending has none."""

    def needed(self, run: Run) -> bool:
        """Return whether the page has choices."""
        return not run.outputs[PublishPage.name]["ending"]


class SettleSiblings(Commit):
    """After the choice, drop the pages that were written ahead for other choices and never read."""

    name: ClassVar[str] = "settle_siblings"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return how many were dropped."""
        return {"dropped": await stories.drop_unread(run.parameters(BranchingPage).page)}


async def _page_inputs(run: Run) -> dict[str, Any]:
    page_id = run.parameters(BranchingPage).page
    inputs = await run.once("page_inputs", lambda: read_way(run.services, page_id))
    if inputs is None:
        raise LeaseLost(f"page {page_id} was deleted")
    return {**inputs, "rating": lowest(inputs["rating"], run.parameters(BranchingPage).allowance)}


def _caller(run: Run, inputs: PageInputs) -> CallContext:
    prompt = run.parameters(BranchingPage).prompt
    return CallContext(run.tracker, run.job.account_id, task_prompt=prompt, rating=parse_rating(inputs.rating))
