"""Words that stand in every text and say little about what it is about. Left out of counts where that is asked, never
out of a text. Short lists, written for this project; English in lower case."""

_ENGLISH = """
a about after again all also am an and any are as at away back be because been before being but by can could did do
does doing done down each else even every few for from get go goes going got had has have having he her here hers
herself him himself his how i if in into is it its itself just let like made make many may me might more most much
must my myself no nor not now of off on once one only or other our ours out over own said same say says she should
so some such than that the their theirs them themselves then there these they this those through to too two under
until up upon us very was way we well went were what when where which while who whom whose why will with without
would yes yet you your yours yourself
aren't can't couldn't didn't doesn't don't hadn't hasn't haven't he's i'd i'll i'm i've isn't it's let's she's
shouldn't that's there's they're wasn't we'll we're weren't what's won't wouldn't you'll you're
"""
ENGLISH = frozenset(_ENGLISH.split())

_CHINESE = """
的 地 得 了 着 过 吗 呢 吧 啊 呀 嘛 么 之 其 所 者 也 又 还 就 才 都 只 很 太 更 最 再 不 没 没有 别
是 有 在 到 从 向 往 对 把 被 给 让 叫 用 以 为 于 由 和 与 跟 同 或 及 而 但 但是 可是 因为 所以 如果 虽然 然后 于是
我 你 您 他 她 它 我们 你们 他们 她们 它们 咱们 自己 大家 谁 什么 怎么 怎样 哪 哪里 哪儿 几 多少 为什么
这 那 这个 那个 这些 那些 这里 那里 这儿 那儿 这样 那样 每 各 某 个 一个 一 些 一些 一点 说 去 来 上 下 里 会 能 可以 要 想
"""
CHINESE = frozenset(_CHINESE.split())
