"""Tables, numbers and the order of the reports, as Markdown."""
import json
import os

from bench_environment import describe


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


def print_report(options, commands, key, prefix, curves_of):
    """Prints the latest record of each command of `commands` and each set; key(record) tells records apart that
    are beside each other. curves_of(record): what the plot of a search shows, and its title."""
    with open(options.results, encoding='ascii') as file:
        records = json.load(file)
    latest = {}
    for record in records:
        latest[record['command'], record['set'], record['rows'], key(record)] = record
    machines = []
    for data_set in dict.fromkeys(record['set'] for record in records if record['command'] in commands):
        print(f'### {data_set}\n')
        for command, report in commands.items():
            for (name, of_set, *_), record in latest.items():
                if (name, of_set) != (command, data_set):
                    continue
                print(f"**{command}**, {record['rows']:,} x {record['dimensions']}, begun {record['started']} "
                      f"at a load of {record['load_average']:.1f}\n")
                print('\n\n'.join(part.rstrip('\n') for part in report(record)) + '\n')
                if command == 'search' and options.plots:
                    from bench_plot import plot  # the tables need no matplotlib
                    os.makedirs(options.plots, exist_ok=True)
                    path = os.path.join(options.plots, f"{prefix}_{record['set']}_{record['rows']}.png")
                    plot(record, *curves_of(record), path)
                    print(f'![Recall and time of {data_set}]({os.path.basename(path)})\n')
    for record in latest.values():
        if record['environment'] not in machines:
            machines.append(record['environment'])
    print('\n\n'.join(describe(machine) for machine in machines))
