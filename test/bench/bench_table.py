"""Tables and numbers of the reports, as Markdown."""


def table(head, rows):
    lines = ['| ' + ' | '.join(head) + ' |', '|' + '---|' * len(head)]
    return '\n'.join(lines + ['| ' + ' | '.join(row) + ' |' for row in rows]) + '\n'


def number(value, digits=0):
    return '-' if value is None else f'{value:,.{digits}f}'


def ratio(value):
    return '-' if value is None else f'**{number(value, 2 if value < 10 else 1)}**'


def short(value):
    """A recall: .9985"""
    return '1.0' if value == 1 else f'{value:.4f}'[1:]
