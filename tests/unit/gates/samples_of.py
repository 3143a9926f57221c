"""Short ways to write what Prometheus held."""

from acceptance.gates.series import Row, Samples


def row(*points, **labels):
    return Row(labels, [*points])


def samples(query, total=((0, 0), (1, 5), (2, 10)), *, end=2, start=0, step=1, up=None, started=()):
    """Samples of one instance, scraped every second, unless rows are given."""
    scrapes = [(start + at, 1.0) for at in range(int(end - start) + 1)]
    return Samples(start, end, step, _rows(query), _rows(total), [row(*scrapes)] if up is None else up, started)


def buckets(**series):
    """Rows of one histogram: `le_0_1=[...]`, `le_inf=[...]`."""
    named = {name.removeprefix("le_").replace("_", ".").replace("inf", "+Inf"): at for name, at in series.items()}
    return [row(*points, le=le) for le, points in named.items()]


def _rows(given):
    return given if not given or isinstance(given[0], Row) else [row(*given)]
