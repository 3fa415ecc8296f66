/*
 * The route tree over a table of its own: literals before parameters, 404 and 405, the limits of
 * what a path may look like, clashes; then every generated operation found by its own template.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/route_tree.h"
#include "http/router.h"

#include <string.h>

#define ROUTE(verb, template)                                                                      \
	{                                                                                          \
		.id = #verb " " template, .method = METHOD_##verb, .path = template                \
	}

static const struct operation table[] = {
    ROUTE(GET, "/"),
    ROUTE(GET, "/v1/members"),
    ROUTE(POST, "/v1/members"),
    ROUTE(GET, "/v1/members/me"),
    ROUTE(GET, "/v1/members/{member_id}"),
    ROUTE(PATCH, "/v1/members/{member_id}"),
    ROUTE(GET, "/v1/members/{member_id}/progress"),
    ROUTE(GET, "/v1/members/me/sessions"),
    ROUTE(DELETE, "/v1/members/{member_id}/roles/{role}"),
    ROUTE(PUT, "/v1/{a}/{b}/{c}/{d}"),
};

static struct route_tree *tree;

static int set_up(void **state)
{
	(void)state;
	tree = route_tree_new(table, sizeof(table) / sizeof(table[0]));
	return tree != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	route_tree_free(tree);
	return 0;
}

static struct route_match find(enum method method, const char *path)
{
	struct route_match match;

	memset(&match, 0xff, sizeof(match));
	route_tree_find(tree, method, path, strlen(path), &match);
	return match;
}

static void expect_route(enum method method, const char *path, const char *id)
{
	struct route_match match = find(method, path);

	assert_non_null(match.operation);
	assert_string_equal(match.operation->id, id);
}

static void expect_nothing(const char *path)
{
	struct route_match match = find(METHOD_GET, path);

	assert_null(match.operation);
	assert_int_equal(match.allowed, 0);
	assert_int_equal(match.nparams, 0);
}

static void expect_param(const struct route_match *match, int index, const char *text)
{
	assert_true(index < match->nparams);
	assert_int_equal(match->params[index].len, strlen(text));
	assert_memory_equal(match->params[index].text, text, strlen(text));
}

static void finds_literals(void **state)
{
	(void)state;
	expect_route(METHOD_GET, "/", "GET /");
	expect_route(METHOD_GET, "/v1/members", "GET /v1/members");
	expect_route(METHOD_POST, "/v1/members", "POST /v1/members");
}

static void literal_wins_over_parameter(void **state)
{
	struct route_match match = find(METHOD_GET, "/v1/members/me");

	(void)state;
	assert_string_equal(match.operation->id, "GET /v1/members/me");
	assert_int_equal(match.nparams, 0);
	expect_route(METHOD_GET, "/v1/members/me/sessions", "GET /v1/members/me/sessions");
}

static void comes_back_from_a_literal_that_leads_nowhere(void **state)
{
	struct route_match match = find(METHOD_GET, "/v1/members/me/progress");

	(void)state;
	assert_string_equal(match.operation->id, "GET /v1/members/{member_id}/progress");
	assert_int_equal(match.nparams, 1);
	expect_param(&match, 0, "me");
}

static void gives_parameters_raw_and_in_order(void **state)
{
	struct route_match match = find(METHOD_DELETE, "/v1/members/a%20b/roles/x.y");

	(void)state;
	assert_int_equal(match.nparams, 2);
	expect_param(&match, 0, "a%20b");
	expect_param(&match, 1, "x.y");

	match = find(METHOD_PUT, "/v1/1/2/3/4");
	assert_int_equal(match.nparams, 4);
	expect_param(&match, 0, "1");
	expect_param(&match, 3, "4");
}

static void tells_unknown_path_from_unknown_method(void **state)
{
	struct route_match match = find(METHOD_DELETE, "/v1/members/42");

	(void)state;
	assert_null(match.operation);
	assert_int_equal(match.allowed, 1u << METHOD_GET | 1u << METHOD_PATCH);

	match = find(METHOD_PATCH, "/v1/members/me");
	assert_null(match.operation);
	assert_int_equal(match.allowed, 1u << METHOD_GET);

	match = find(METHOD_COUNT, "/v1/members");
	assert_null(match.operation);
	assert_int_equal(match.allowed, 1u << METHOD_GET | 1u << METHOD_POST);
}

static void other_spellings_are_other_paths(void **state)
{
	static const char *const paths[] = {
	    "",
	    "v1/members",
	    "//",
	    "/v1",
	    "/v1/",
	    "/v1/members/",
	    "/v1//members",
	    "//v1/members",
	    "/v1/Members",
	    "/v1/%6Dembers",
	    "/v1/members/42/",
	    "/v1/members//progress",
	    "/v1/members/42/progress/more/yet",
	    "/v1/memb",
	    "/v1/members2",
	    "/v1/members?x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		expect_nothing(paths[i]);
}

static void survives_a_path_of_slashes(void **state)
{
	char path[2048];

	(void)state;
	memset(path, '/', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	expect_nothing(path);
}

static void refuses_clashes(void **state)
{
	static const struct operation clash[] = {
	    ROUTE(GET, "/v1/orgs/{org_id}"),
	    ROUTE(GET, "/v1/orgs/{id}"),
	};
	static const struct operation long_one[] = {ROUTE(GET, "/{a}/{b}/{c}/{d}/{e}")};

	(void)state;
	assert_null(route_tree_new(clash, 2));
	assert_null(route_tree_new(long_one, 1));
}

static void finds_every_generated_operation(void **state)
{
	(void)state;
	assert_int_equal(router_init(), 0);
	for (int i = 0; i < operation_count; i++) {
		const struct operation *operation = &operations[i];
		struct route_match match;

		router_find(operation->method, operation->path, strlen(operation->path), &match);
		assert_ptr_equal(match.operation, operation);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_literals),
	    cmocka_unit_test(literal_wins_over_parameter),
	    cmocka_unit_test(comes_back_from_a_literal_that_leads_nowhere),
	    cmocka_unit_test(gives_parameters_raw_and_in_order),
	    cmocka_unit_test(tells_unknown_path_from_unknown_method),
	    cmocka_unit_test(other_spellings_are_other_paths),
	    cmocka_unit_test(survives_a_path_of_slashes),
	    cmocka_unit_test(refuses_clashes),
	    cmocka_unit_test(finds_every_generated_operation),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
