"""Generated labels for the tests of the formats."""

from fractions import Fraction

from hypothesis import strategies as st

from playhead.events.model import Event, VideoEvents

# Names as people write them: spaces, quotes, commas, semicolons, any alphabet, no line breaks.
names = st.text(
    st.characters(blacklist_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=12
).filter(lambda text: text == text.strip())
paths = st.lists(
    names.filter(lambda name: not set(name) & set("/\\") and name not in (".", "..")),
    min_size=1,
    max_size=3,
).map("/".join)
times = st.floats(0, 20_000)
scores = st.floats(0, 1) | st.just(1.0)
rates = st.sampled_from([Fraction(25), Fraction(30000, 1001), Fraction(50), Fraction(60000, 1001)])


@st.composite
def instants(draw, classes):
    return Event(label=draw(st.sampled_from(classes)), start=draw(times), score=draw(scores))


@st.composite
def instants_or_spans(draw, classes):
    event = draw(instants(classes))
    if draw(st.booleans()):
        return event
    end = event.start + draw(st.floats(0.002, 100))
    return Event(label=event.label, start=event.start, end=end, score=event.score)


@st.composite
def boxed_events(draw, classes):
    x, y = draw(st.floats(0, 1000)), draw(st.floats(0, 1000))
    event = draw(instants_or_spans(classes))
    return Event(
        label=event.label,
        start=event.start,
        end=event.end,
        score=event.score,
        frame=draw(st.none() | st.integers(0, 10**6)),
        box=draw(st.none() | st.just((x, y, x + 2.5, y + 1.25))),
        view=draw(st.none() | names),
        track=draw(st.none() | st.integers(0, 1000)),
        other=draw(st.none() | st.integers(0, 1000)),
        note=draw(st.none() | names),
    )


@st.composite
def videos(draw, events=instants_or_spans, name=paths, unique=None):
    """The events of one video; `unique` says what parts two events (label and time without it)."""
    classes = tuple(draw(st.lists(names, min_size=1, max_size=4, unique=True)))
    key = unique or (lambda event: (event.label, event.start))
    found = draw(st.lists(events(classes), max_size=8, unique_by=key))
    return VideoEvents(video=draw(name), classes=classes, events=tuple(found))


@st.composite
def framed_clips(draw):
    """A clip whose events lie on frames, at the time that its rate gives them."""
    rate = draw(rates)
    frames = draw(st.integers(1, 5000))
    classes = tuple(draw(st.lists(names, min_size=1, max_size=4, unique=True)))
    labelled = draw(
        st.lists(
            st.tuples(st.sampled_from(classes), st.integers(0, frames - 1)), max_size=8, unique=True
        )
    )
    events = tuple(
        Event(
            label=label,
            frame=frame,
            start=float(frame / rate),
            score=draw(scores),
            note=draw(st.none() | names),
        )
        for label, frame in labelled
    )
    return VideoEvents(video=draw(paths), classes=classes, events=events, frames=frames, rate=rate)
