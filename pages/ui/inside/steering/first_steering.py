"""What a model is first steered by: two sets of texts alike but for one thing, what to look for, and texts to try it on."""

from dataclasses import dataclass

from llm_core.data.vocabulary import MASK
from pages.ui.inside import first_text


@dataclass(frozen=True)
class Contrast:
    """Texts of two sets, words that show that the model was moved, and other texts, of the second kind, to try it on."""

    wanted: tuple[str, ...]
    others: tuple[str, ...]
    words: tuple[str, ...]
    tried: tuple[str, ...]


# Several things, or one: what comes next agrees with it.
_ENGLISH_STORY = Contrast(
    (
        "Max found two pine cones too. The pine cones that Max found", "Jack found two leaves too. The leaves that Jack found",
        "Kate found two feathers too. The feathers that Kate found", "There were two apples in the basket. The apples in the basket",
        "Lucy found three chestnuts. The chestnuts that Lucy found", "Jack put two peaches by the flowers. The peaches by the flowers",
    ),
    (
        "Max found one pine cone too. The pine cone that Max found", "Jack found one leaf too. The leaf that Jack found",
        "Kate found one feather too. The feather that Kate found", "There was one apple in the basket. The apple in the basket",
        "Lucy found one chestnut. The chestnut that Lucy found", "Jack put one peach by the flowers. The peach by the flowers",
    ),
    ("were",),
    (
        "Anna found one shell too. The shell that Anna found", "Ben found one acorn too. The acorn that Ben found",
        "Tim put one plum by the cups. The plum by the cups", "Sara found one flower. The flower that Sara found",
        "There was one pear on the plate. The pear on the plate", "Leo found one stone too. The stone that Leo found",
    ),
)  # fmt: skip
_CHINESE_STORY = Contrast(
    (
        "马克斯也找到了两个松果。马克斯找到的松果", "杰克也找到了两片树叶。杰克找到的树叶", "凯特也找到了两根羽毛。凯特找到的羽毛",
        "篮子里有两个苹果。篮子里的苹果", "露西找到了三个栗子。露西找到的栗子", "杰克把两个桃子放在花旁边。花旁边的桃子",
    ),
    (
        "马克斯也找到了一个松果。马克斯找到的松果", "杰克也找到了一片树叶。杰克找到的树叶", "凯特也找到了一根羽毛。凯特找到的羽毛",
        "篮子里有一个苹果。篮子里的苹果", "露西找到了一个栗子。露西找到的栗子", "杰克把一个桃子放在花旁边。花旁边的桃子",
    ),
    ("都",),
    (
        "安娜也找到了一个贝壳。安娜找到的贝壳", "本也找到了一个橡果。本找到的橡果", "蒂姆把一个李子放在杯子旁边。杯子旁边的李子",
        "萨拉找到了一朵花。萨拉找到的花", "盘子里有一个梨。盘子里的梨", "里奥也找到了一块石头。里奥找到的石头",
    ),
)  # fmt: skip
# A girl, or a boy: what is hidden is the pronoun. In Chinese, the measure word of a scarf, or of a fruit.
_ENGLISH_HIDDEN = Contrast(
    tuple(f"{name} had a {thing}, and {MASK} put it in the bag." for name, thing in (("Anna", "hat"), ("Kate", "ball"), ("Ella", "book"), ("Sara", "kite"))),
    tuple(f"{name} had a {thing}, and {MASK} put it in the bag." for name, thing in (("Tom", "hat"), ("Max", "ball"), ("Ben", "book"), ("Jack", "kite"))),
    ("she",),
    tuple(f"{name} had a {thing}, and {MASK} left it in the box." for name, thing in (("Tim", "scarf"), ("Leo", "watch"), ("Simon", "teddy bear"), ("Max", "coin"))),
)  # fmt: skip
_CHINESE_HIDDEN = Contrast(
    tuple(f"{name}有一{MASK}围巾，{other}把它放在了包里。" for name, other in (("安娜", "她"), ("汤姆", "他"), ("凯特", "她"), ("杰克", "他"))),
    tuple(f"{name}有一{MASK}{thing}，{other}把它放在了包里。" for name, thing, other in (("安娜", "苹果", "她"), ("汤姆", "橙子", "他"), ("凯特", "桃子", "她"), ("杰克", "松果", "他"))),
    ("条",),
    tuple(f"{name}有一{MASK}{thing}，{other}把它放在了盒子里。" for name, thing, other in (("莉莉", "苹果", "她"), ("马克斯", "李子", "他"), ("萨拉", "梨", "她"), ("西蒙", "栗子", "他"))),
)  # fmt: skip

_CONTRASTS = {
    first_text.ENGLISH_STORY: _ENGLISH_STORY, first_text.CHINESE_STORY: _CHINESE_STORY,
    first_text.ENGLISH_HIDDEN: _ENGLISH_HIDDEN, first_text.CHINESE_HIDDEN: _CHINESE_HIDDEN,
}  # fmt: skip


def first_contrast(text: str) -> Contrast | None:
    """The sets that go with the text which a model is first seen with; None where that is another one."""
    return _CONTRASTS.get(text)
