/* Lists of words, and which word was probably meant. SPDX-License-Identifier: Apache-2.0 */
#include "support/failed.h"

#include "core/words.h"

#define TEN  "1234567890"
#define LONG TEN TEN TEN TEN TEN TEN "1234" /* 64 bytes: one too many for a word */

static void lists_are_cut_at_commas(void **state)
{
    char item[VR_WORD];
    (void)state;
    assert_true(vr_list_item("L2, IP,cosine", 0, item));
    assert_string_equal(item, "L2");
    assert_true(vr_list_item("L2, IP,cosine", 1, item));
    assert_string_equal(item, "IP");
    assert_true(vr_list_item("L2, IP,cosine", 2, item));
    assert_string_equal(item, "cosine");
    assert_false(vr_list_item("L2, IP,cosine", 3, item));
    assert_false(vr_list_item("", 0, item));
    assert_true(vr_list_item(LONG, 0, item));
    assert_int_equal(strlen(item), VR_WORD - 1);
}

static void lists_have_words_in_any_case(void **state)
{
    (void)state;
    assert_true(vr_list_has("build, open", "open"));
    assert_true(vr_list_has("HNSW", "hnsw"));
    assert_false(vr_list_has("HNSW_SQ, IVF", "HNSW"));
    assert_false(vr_list_has("build", "build, open"));
    assert_false(vr_list_has("", "open"));
    assert_false(vr_list_has("", ""));
}

/* Near: a slip in a short word, two in a longer one. */
static void the_word_that_was_meant(void **state)
{
    static const char *const words[] = { "annoy",          "faiss", "milvus", "m",
                                         "efConstruction", "port",  LONG LONG };
    static const struct {
        const char *text, *word;
    } cases[] = {
        { "annoy", "annoy" },
        { "FAISS", "faiss" },
        { "fais", "faiss" },   /* one left out */
        { "faisss", "faiss" }, /* one put in */
        { "faixs", "faiss" },  /* one mistaken */
        { "fiass", "faiss" },  /* two swapped */
        { "mlivus", "milvus" },
        { "milvusss", "milvus" },
        { "M", "m" },
        { "prot", "port" },
        { "ef_constrution", "efConstruction" },
        { "efConstrcution", "efConstruction" },
        { LONG TEN, LONG LONG }, /* what is past 63 bytes doesn't count */
        { "n", NULL },           /* all of it is wrong */
        { "", NULL },
        { "faizz", NULL },
        { "mil", NULL },
        { "vus", NULL },
        { "efSearch", NULL },
        { "hnsw", NULL },
        { "items.index", NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vr_guess guess = vr_guess_start(cases[i].text);
        for (size_t w = 0; w < sizeof words / sizeof words[0]; w++)
            vr_guess_try(&guess, words[w], words[w]);
        if (cases[i].word && guess.word)
            assert_string_equal(guess.word, cases[i].word);
        else if (cases[i].word != guess.word)
            fail_msg("\"%s\": %s", cases[i].text, guess.word ? guess.word : "nothing");
    }
}

/* Of two that are as near, the first; and an alias stands for its key. */
static void ties_and_aliases(void **state)
{
    (void)state;
    vr_guess guess = vr_guess_start("cost");
    vr_guess_try(&guess, "most", "most");
    vr_guess_try(&guess, "post", "post");
    assert_string_equal(guess.word, "most");
    guess = vr_guess_start("search-k");
    vr_guess_try(&guess, "searchk", "searchk");
    vr_guess_try(&guess, "search_k", "the key");
    assert_string_equal(guess.word, "searchk");
    guess = vr_guess_start("serch_k");
    vr_guess_try(&guess, "search_k", "the key");
    assert_string_equal(guess.word, "the key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_cut_at_commas),
        cmocka_unit_test(lists_have_words_in_any_case),
        cmocka_unit_test(the_word_that_was_meant),
        cmocka_unit_test(ties_and_aliases),
    };
    return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
