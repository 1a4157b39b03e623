"""The tables that a benchmark prints."""

from statistics import median


def figure(variant, name, how=median):
    return how(run[name] for run in variant["runs"])


def best_of(case, tool):
    """The number of jobs with the best median time of a program."""
    variants = [variant for variant in case["variants"] if variant["tool"] == tool]
    return min(variants, key=lambda variant: figure(variant, "wall_s"), default=None)


def case(case):
    """All variants of one case."""
    best = best_of(case, "pg_restore")
    print(f"\n{case['case']}: {case['what']}; {case['archive']}, {case['archive_bytes'] / 1e6:.1f} MB; PostgreSQL {case['postgresql']}")
    print(f"{'':22}{'wall s':>9}{'':>9}{'× best':>12}{'server':>9}{'× its':>9}{'client':>9}{'cores':>8}{'peak MiB':>10}{'':>9}")
    print(f"{'':22}{'min':>9}{'median':>9}{'pg_restore':>12}{'CPU s':>9}{'CPU':>9}{'CPU s':>9}{'busy':>8}{'largest':>10}{'all':>9}")
    for variant in case["variants"]:
        of = lambda name, how=median: figure(variant, name, how)
        wall, server, client = of("wall_s"), of("server_cpu_s"), of("client_cpu_s")
        label = f"{variant['tool']} -j {variant['jobs']}"
        print(
            f"{label:22}{of('wall_s', min):9.2f}{wall:9.2f}{wall / figure(best, 'wall_s'):12.2f}"
            f"{server:9.2f}{server / figure(best, 'server_cpu_s'):9.2f}{client:9.2f}"
            f"{(server + client) / wall / case['cores']:8.0%}"
            f"{of('largest_process_mib', max):10.1f}{of('all_processes_mib', max):9.1f}",
            flush=True,
        )


def all_of(result):
    """One line for each case: the best run of each program, and the target."""
    where = result["machine"]
    print(f"\n{where['processor']}, {where['cores']} cores, {where['memory_gib']} GiB; {result['nocturne']}")
    print(f"scale {result['scale']:g}, {result['rounds']} rounds, {'tuned server' if result['tuned'] else 'default settings'}")
    print("\nspeed relative to the best pg_restore -j (median; minimum), and server CPU relative to it")
    print(f"{'':34}{'pg_restore':>18}{'nocturne':>18}{'faster':>16}{'target':>8}{'server CPU':>12}{'client share':>14}")
    for case in result["cases"]:
        reference = best_of(case, "pg_restore")
        for tool in dict.fromkeys(variant["tool"] for variant in case["variants"] if variant["tool"] != "pg_restore"):
            ours = best_of(case, tool)
            wall = lambda variant, how=median: figure(variant, "wall_s", how)
            name = case["archive"] if tool == "nocturne" else tool
            target = case["targets"].get(name)
            server, client = figure(ours, "server_cpu_s"), figure(ours, "client_cpu_s")
            faster = f"{wall(reference) / wall(ours):.2f}; {wall(reference, min) / wall(ours, min):.2f}"
            run = lambda variant: f"{wall(variant):.2f} s, -j {variant['jobs']}"
            print(
                f"{case['case'] + ', ' + name:34}{run(reference):>18}{run(ours):>18}{faster:>16}"
                f"{f'{target:.1f}' if target else '-':>8}{server / figure(reference, 'server_cpu_s'):>12.2f}{client / (client + server):>14.0%}"
            )
    if result["memory"]:
        print("\nmemory, -j 2: peak MiB of all processes")
        tools = list(result["memory"][0]["runs"])
        print(f"{'':28}" + "".join(f"{tool:>12}" for tool in tools))
        for case in result["memory"]:
            figures = "".join(f"{case['runs'][tool]['all_processes_mib']:12.1f}" for tool in tools)
            print(f"{case['table'] + ' table, ' + str(case['rows']) + ' rows':28}{figures}")
