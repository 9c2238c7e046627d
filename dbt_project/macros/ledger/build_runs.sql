{#
    ledger.build_runs: one row per dbt run (build, run, test, seed, snapshot) against this warehouse, written by the hooks
    on-run-start and on-run-end. A killed run leaves a row without finished_at. publishing/ reads it to decide whether the
    marts as they stand have all been built whole and tested; ledger.load_history shows it beside the other runs.
    git_sha is what the caller says in DBT_ENV_CUSTOM_ENV_GIT_SHA, since dbt knows of no commit.
#}

{% macro build_started() %}
    {% if execute and is_writing_run() %}
        {% set scope = build_scope() %}
        {# A var may be a date, which JSON has no word for. #}
        {% set given = {} %}
        {% for name, value in (invocation_args_dict.get('vars') or {}).items() %}{% do given.update({name: value | string}) %}{% endfor %}
        {% do run_query("create schema if not exists ledger") %}
        {% do run_query("create table if not exists ledger.build_runs (" ~ build_runs_columns() ~ ")") %}
        {# A table of before. #}
        {% for column in ('nodes text', 'selection text', 'dbt_version text', 'git_sha text', 'failed_tests integer') %}
            {% do run_query("alter table ledger.build_runs add column if not exists " ~ column) %}
        {% endfor %}
        {% do run_query("create table if not exists ledger.operation_runs (" ~ operation_runs_columns() ~ ")") %}
        {% set start %}
            insert into ledger.build_runs
                (invocation_id, command, vars, is_whole, is_tested, relations, nodes, selection, dbt_version, git_sha, started_at)
            values (
                {{ build_text(invocation_id) }},
                {{ build_text(flags.WHICH) }},
                {{ build_text(tojson(given)) }},
                {{ scope.is_whole }},
                {{ scope.is_tested }},
                {{ build_text(tojson(scope.relations)) }},
                {{ build_text(tojson(scope.nodes)) }},
                {{ build_text(build_selection()) }},
                {{ build_text(dbt_version) }},
                {{ build_text(dbt_metadata_envs.GIT_SHA) if dbt_metadata_envs.get('GIT_SHA') else 'null' }},
                {{ build_text(run_started_at.strftime('%Y-%m-%d %H:%M:%S.%f')) }}
            )
        {% endset %}
        {% do run_query(start) %}
        {% do refuse_second_build() %}
    {% endif %}
{% endmacro %}

{# `dbt compile` and `dbt docs generate` render the hooks too, and must leave no trace. #}
{% macro is_writing_run() %}{{ return(flags.WHICH in ('build', 'run', 'test', 'seed', 'snapshot', 'retry')) }}{% endmacro %}

{% macro build_runs_columns() %}
    invocation_id text not null,
    command text not null,
    vars text not null,
    is_whole boolean not null,
    is_tested boolean not null,
    relations text not null,
    started_at timestamp not null,
    finished_at timestamp,
    failures integer,
    nodes text,
    selection text,
    dbt_version text,
    git_sha text,
    failed_tests integer
{% endmacro %}

{# What the run was asked for, in the words of its caller. #}
{% macro build_selection() %}
    {% set words = [] %}
    {% for word in ('select', 'exclude', 'selector') %}
        {% set given = invocation_args_dict.get(word) or invocation_args_dict.get({'select': 'models'}.get(word, '')) %}
        {% if given %}{% do words.append(('--' ~ word ~ ' ' if word != 'select' else '') ~ (given if given is string else given | join(' '))) %}{% endif %}
    {% endfor %}
    {{ return(words | join(' ') or 'everything') }}
{% endmacro %}

{% macro build_finished(results) %}
    {% if not execute or not is_writing_run() %}{{ return('') }}{% endif %}
    {% set failed = results | selectattr('status', 'in', ['error', 'fail', 'skipped', 'runtime error', 'partial success']) | list %}
    update ledger.build_runs
    set
        finished_at = {{ build_text(modules.datetime.datetime.now(modules.pytz.utc).strftime('%Y-%m-%d %H:%M:%S.%f')) }},
        failures = {{ failed | length }},
        failed_tests = {{ failed | selectattr('node.resource_type', 'in', ['test', 'unit_test']) | list | length }}
    where invocation_id = {{ build_text(invocation_id) }};
{% endmacro %}

{#
    What this run covers. is_whole: every model, seed, snapshot and data test of the project. is_tested: no data test that
    looks at something this run writes was left out. relations: what readers get to see, as 'schema.name'. nodes: short hashes
    of what is selected, which another run must cover to make good what this one does wrong.
#}
{% macro build_scope() %}
    {% set scope = namespace(is_whole=flags.WHICH == 'build', is_tested=flags.WHICH in ('build', 'test')) %}
    {% if flags.WHICH == 'build' and (invocation_args_dict.get('empty') or invocation_args_dict.get('sample')) %}
        {% set scope.is_whole = false %}
        {% set scope.is_tested = false %}
    {% endif %}
    {% set relations = [] %}
    {% set nodes = [] %}
    {% for node in graph.nodes.values() if node.resource_type in ('model', 'seed', 'snapshot', 'test') %}
        {% set is_selected = node.unique_id in selected_resources %}
        {% if is_selected %}{% do nodes.append(local_md5(node.unique_id)[:10]) %}{% endif %}
        {% if not is_selected and node.config.materialized != 'ephemeral' %}
            {% set scope.is_whole = false %}
            {% if node.resource_type == 'test' and flags.WHICH == 'build' %}
                {% for parent in node.depends_on.nodes if parent in selected_resources %}
                    {% set scope.is_tested = false %}
                {% endfor %}
            {% endif %}
        {% endif %}
        {% if node.resource_type != 'test' and node.config.materialized != 'ephemeral' and node.schema in ('marts', 'ledger') %}
            {% do relations.append(node.schema ~ '.' ~ node.alias) %}
        {% endif %}
    {% endfor %}
    {{ return({
        'is_whole': scope.is_whole, 'is_tested': scope.is_tested, 'relations': relations | sort, 'nodes': nodes | sort
    }) }}
{% endmacro %}

{% macro build_text(value) %}'{{ value | replace("'", "''") }}'{% endmacro %}

{#
    One dbt run at a time per warehouse. A DuckDB file sees to that by itself: the second process cannot open it.
    Raises BUSY_WAREHOUSE when a run that has not finished still holds a connection.
#}
{% macro refuse_second_build() %}
    {{ return(adapter.dispatch('refuse_second_build')()) }}
{% endmacro %}

{% macro default__refuse_second_build() %}{% endmacro %}

{#
    dbt closes its connection after every model, so no lock of the session could last for a run. Instead: an earlier run
    that has no finish, and a connection that carries dbt's application name. The statement of a killed run vanishes within
    a second (see end_with_client), so what is still there after two is alive. Of two that start at once, the first wins.
    A run that finished later proves that the unfinished ones before it are dead.
#}
{% macro postgres__refuse_second_build() %}
    {% set mine = build_text(invocation_id) %}
    {% set earlier = run_query(
        "select max(other.started_at) from ledger.build_runs as other"
        ~ " inner join ledger.build_runs as this_run on this_run.invocation_id = " ~ mine
        ~ " where other.finished_at is null"
        ~ " and other.started_at > (select coalesce(max(started_at), '2000-01-01') from ledger.build_runs where finished_at is not null)"
        ~ " and (other.started_at, other.invocation_id) < (this_run.started_at, this_run.invocation_id)"
    ).rows[0][0] %}
    {% if not earlier %}{{ return('') }}{% endif %}
    {% set alive = namespace(pid=none) %}
    {% for step in range(30) if alive.pid is none %}
        {% do run_query("select pg_sleep(0.1)") %}
        {% if loop.index > 20 %}
            {% set alive.pid = run_query(
                "select min(pid) from pg_stat_activity where datname = current_database()"
                ~ " and application_name = current_setting('application_name') and pid <> pg_backend_pid()"
            ).rows[0][0] %}
        {% endif %}
    {% endfor %}
    {% if alive.pid %}
        {% do run_query("delete from ledger.build_runs where invocation_id = " ~ mine) %}
        {% do exceptions.raise_compiler_error(
            'BUSY_WAREHOUSE: the dbt run of ' ~ earlier ~ ' UTC is still writing to this database (server process '
            ~ alive.pid ~ '). Nothing was changed; start again when it has ended.'
        ) %}
    {% endif %}
{% endmacro %}

{# A pre-hook of every model: when its dbt is killed, the server ends the statement within a second instead of finishing it. #}
{% macro end_with_client() %}
    {{ return(adapter.dispatch('end_with_client')()) }}
{% endmacro %}

{% macro default__end_with_client() %}{% endmacro %}

{% macro postgres__end_with_client() %}set client_connection_check_interval = '500ms'{% endmacro %}
