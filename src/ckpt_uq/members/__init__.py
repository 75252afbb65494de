"""Who predicts: one kind of member source a file, all meeting the :class:`MemberSource` contract."""

from ckpt_uq.members.checkpoints import CheckpointMembers
from ckpt_uq.members.models import ModelMembers
from ckpt_uq.members.source import Member, MemberSource

__all__ = ["CheckpointMembers", "Member", "MemberSource", "ModelMembers"]
