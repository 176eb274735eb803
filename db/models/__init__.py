"""The tables as classes. The schema itself is db/migrations; a test compares the two."""

from db.models.accounts import AccountRow, ConversationRow, DraftRow, IdentityRow, LinkingRow, MemberRow, UserRow
from db.models.archive import ArchiveChunkRow, ArchiveDocumentRow, ArchiveScopeRow, ArchiveVectorRow
from db.models.chats import (
    ChannelSettingsRow,
    ChatMessageRow,
    CompanyRow,
    PersonaOriginalRow,
    PersonaRevisionRow,
    PersonaRow,
    SavedChatRow,
)
from db.models.data import DataExportPartRow, DataExportRow, UploadRow
from db.models.delivery import BotRow, ClockRow, InboxEventRow, LeaderRow, OutboxRow
from db.models.feeds import FeedItemRow, FeedRow
from db.models.intake import AwaitedFileRow, LateUpdateRow
from db.models.jobs import AiTaskRow, ArtifactRow, HeartbeatRow, JobInteractionRow, JobRow
from db.models.limits import QuotaRow, SpentLimitRow
from db.models.lorebooks import LorebookEntryRow, LorebookRow, LoreCallRow
from db.models.memory import (
    ContextSessionRow,
    FactRow,
    FactSuccessionRow,
    ForgetRequestRow,
    MemoryRow,
    PinRow,
    PlotRow,
    ShortFormRow,
    SummaryRow,
    TrackedAnswerRow,
    TrackedQuestionRow,
)
from db.models.moderation import IncidentRow, ReportRow
from db.models.operators import AccessRuleRow, AnnouncementRow, AuditRow, ServiceSwitchRow
from db.models.pictures import PictureFileRow, PictureRow
from db.models.prompts import PromptOverrideRow, PromptTestRow, PromptVariantRow, TaskPromptRow, TestedTextRow
from db.models.stories import ChoiceRow, PageRow, StoryRow
from db.models.votes import VoteRow

__all__ = [
    "AccessRuleRow",
    "AccountRow",
    "AiTaskRow",
    "AnnouncementRow",
    "ArchiveChunkRow",
    "ArchiveDocumentRow",
    "ArchiveScopeRow",
    "ArchiveVectorRow",
    "ArtifactRow",
    "AuditRow",
    "AwaitedFileRow",
    "BotRow",
    "ChannelSettingsRow",
    "ChatMessageRow",
    "ChoiceRow",
    "ClockRow",
    "CompanyRow",
    "ContextSessionRow",
    "ConversationRow",
    "DataExportPartRow",
    "DataExportRow",
    "DraftRow",
    "FactRow",
    "FactSuccessionRow",
    "FeedItemRow",
    "FeedRow",
    "ForgetRequestRow",
    "HeartbeatRow",
    "IdentityRow",
    "InboxEventRow",
    "IncidentRow",
    "JobInteractionRow",
    "JobRow",
    "LateUpdateRow",
    "LeaderRow",
    "LinkingRow",
    "LoreCallRow",
    "LorebookEntryRow",
    "LorebookRow",
    "MemberRow",
    "MemoryRow",
    "OutboxRow",
    "PageRow",
    "PersonaOriginalRow",
    "PersonaRevisionRow",
    "PersonaRow",
    "PictureFileRow",
    "PictureRow",
    "PinRow",
    "PlotRow",
    "PromptOverrideRow",
    "PromptTestRow",
    "PromptVariantRow",
    "QuotaRow",
    "ReportRow",
    "SavedChatRow",
    "ServiceSwitchRow",
    "ShortFormRow",
    "SpentLimitRow",
    "StoryRow",
    "SummaryRow",
    "TaskPromptRow",
    "TestedTextRow",
    "TrackedAnswerRow",
    "TrackedQuestionRow",
    "UploadRow",
    "UserRow",
    "VoteRow",
]
