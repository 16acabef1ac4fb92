/* Some types hold other indexes: an IDMap the one that it gives ids to, an IVF the quantizer that picks its
 * lists. To name the inner one, what stands before it has to be skipped, and a type's layout says what that
 * is, in one letter for each thing that follows the four letters of its name:
 *
 *     h          the header of an index of floats
 *     1 4 8      a value of so many bytes
 *     B W Q      a vector of elements of 1, 4 or 8 bytes
 *     t          a transform: the four letters of its name, its own layout, and then "441"
 *     T          transforms: how many (4 bytes), and as many
 *     i          the inner index
 *     c          the same, where it is a coarse quantizer
 *
 * A layout ends with the first inner index: what comes behind doesn't matter here. A type without layout
 * holds no index, or none that is worth the way.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/types.h"

#include "base/bytes.h"
#include "faiss/format.h"

#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 8, NAME_SIZE = 200 };

#define READS "Flat (IxF2, IxFI), HNSW (IHNf) and IVF Flat (IwFl, IvFl, IvFL), alone or in an IDMap"

typedef struct type {
    const char *letters; /* four of them; or two, which all types of one family begin with */
    const char *name;
    const char *layout;
} type;

#define GRAPH "QWWQW44444" /* of an HNSW index */
#define BITS  "44814"      /* the header of an index of bits */

static const type types[] = {
    { "IxF2", "Flat", NULL },
    { "IxFI", "Flat", NULL },
    { "IxFl", "Flat with a metric other than L2 and IP", NULL },
    { "IxFP", "Flat, Panorama", NULL },
    { "IxFp", "Flat, Panorama", NULL },
    { "IxMp", "IDMap", "hi" },
    { "IxM2", "IDMap2", "hi" },
    { "IxPT", "PreTransform", "hTi" },
    { "IxRF", "Refine", "hi" },
    { "IxRP", "Refine, Panorama", "hi" },
    { "IRMf", "rows scaled to a range", "hi" },
    { "IRMh", "rows scaled to a range, in half precision", "hi" },
    { "null", "left out when it was saved", NULL },

    { "IHNf", "HNSW", "h" GRAPH "i" },
    { "IHNs", "HNSW, scalar-quantized", "h" GRAPH "i" },
    { "IHNp", "HNSW, product-quantized", "h" GRAPH "i" },
    { "IHNr", "HNSW, RaBitQ", "h" GRAPH "i" },
    { "IHN2", "HNSW, two layers", "h" GRAPH "i" },
    { "IHNc", "HNSW from CAGRA", "h114" GRAPH "i" },
    { "IHc2", "HNSW from CAGRA", "h1144" GRAPH "i" },
    { "IHfP", "HNSW, Panorama", "h8W" GRAPH "i" },
    { "IH00", "HNSW over any index", "h" GRAPH "i" },
    { "INSf", "NSG", NULL },
    { "INSs", "NSG, scalar-quantized", NULL },
    { "INSp", "NSG, product-quantized", NULL },
    { "INNf", "NNDescent", NULL },

    { "IwFl", "IVF Flat", "h88c" },
    { "IvFl", "IVF Flat, old form", "h88c" },
    { "IvFL", "IVF Flat, old form", "h88c" },
    { "IwFd", "IVF Flat without duplicates", "h88c" },
    { "IwPn", "IVF Flat, Panorama", "h88c" },
    { "IwP2", "IVF Flat, Panorama", "h88c" },
    { "IwSq", "IVF, scalar-quantized", "h88c" },
    { "IwSQ", "IVF, scalar-quantized, old form", "h88c" },
    { "IvSQ", "IVF, scalar-quantized, old form", "h88c" },
    { "IwPQ", "IVF, product-quantized", "h88c" },
    { "IvPQ", "IVF, product-quantized, old form", "h88c" },
    { "IwQR", "IVF, product-quantized twice", "h88c" },
    { "IvQR", "IVF, product-quantized twice, old form", "h88c" },
    { "IwPf", "IVF, product-quantized, fast-scan", "h88c" },
    { "IwRQ", "IVF, residual-quantized", "h88c" },
    { "IwLS", "IVF, local-search-quantized", "h88c" },
    { "IwPR", "IVF, product-residual-quantized", "h88c" },
    { "IwPL", "IVF, product-local-search-quantized", "h88c" },
    { "IVRf", "IVF, residual-quantized, fast-scan", "h88c" },
    { "IVLf", "IVF, local-search-quantized, fast-scan", "h88c" },
    { "NPRf", "IVF, product-residual-quantized, fast-scan", "h88c" },
    { "NPLf", "IVF, product-local-search-quantized, fast-scan", "h88c" },
    { "Iwrq", "IVF, RaBitQ", "h88c" },
    { "Iwrr", "IVF, RaBitQ of several bits", "h88c" },
    { "Iwrf", "IVF, RaBitQ, fast-scan", "h88c" },
    { "Iwrn", "IVF, RaBitQ, fast-scan", "h88c" },
    { "IwEd", "IVF, EDEN", "h88c" },
    { "IwEe", "IVF, EDEN", "h88c" },
    { "IwSh", "IVF, spectral hash", "h88c" },
    { "IwIQ", "IVF with a quantizer of its own", "hc" },

    { "IxSQ", "scalar-quantized", NULL },
    { "IxPq", "product-quantized", NULL },
    { "IxPQ", "product-quantized, old form", NULL },
    { "IxPo", "product-quantized, old form", NULL },
    { "IPfs", "product-quantized, fast-scan", NULL },
    { "IxRq", "residual-quantized", NULL },
    { "IxRQ", "residual-quantized, old form", NULL },
    { "IxLS", "local-search-quantized", NULL },
    { "IxPR", "product-residual-quantized", NULL },
    { "IxPL", "product-local-search-quantized", NULL },
    { "IRfs", "residual-quantized, fast-scan", NULL },
    { "ILfs", "local-search-quantized, fast-scan", NULL },
    { "IPRf", "product-residual-quantized, fast-scan", NULL },
    { "IPLf", "product-local-search-quantized, fast-scan", NULL },
    { "Ixrq", "RaBitQ", NULL },
    { "Ixrr", "RaBitQ of several bits", NULL },
    { "Irfs", "RaBitQ, fast-scan", NULL },
    { "Irfn", "RaBitQ, fast-scan", NULL },
    { "IxEd", "EDEN", NULL },
    { "IxEe", "EDEN", NULL },
    { "IxLa", "lattice", NULL },
    { "IxHe", "LSH", NULL },
    { "IxHE", "LSH, old form", NULL },
    { "Ix2L", "two layers", "hc" },
    { "Imiq", "multi-index quantizer", NULL },
    { "ImRQ", "residual coarse quantizer", NULL },
    { "IS", "SVS", NULL },

    { "IBxF", "Flat, of bits", NULL },
    { "IBwF", "IVF, of bits", BITS "88c" },
    { "IBHf", "HNSW, of bits", BITS GRAPH "i" },
    { "IBHc", "HNSW from CAGRA, of bits", NULL },
    { "IBHh", "hash, of bits", NULL },
    { "IBHm", "multi-hash, of bits", BITS "i" },
    { "IBFf", "bits in an index of floats", BITS "i" },
    { "IBMp", "IDMap, of bits", BITS "i" },
    { "IBM2", "IDMap2, of bits", BITS "i" },
};

static const type transforms[] = {
    { "LTra", "linear", "1WW" },
    { "rrot", "random rotation", "1WW" },
    { "Pcam", "PCA", "4414WWW1WW" },
    { "PcAm", "PCA", "414WWW1WW" },
    { "PCAm", "PCA", "41WWW1WW" },
    { "Viqm", "ITQ rotation", "441WW" },
    { "Viqt", "ITQ", "W1tt" },
    { "RmDT", "choice of dimensions", "W" },
    { "VNrm", "normalization", "4" },
    { "VCnt", "centering", "W" },
    { "HRot", "Hadamard rotation", "4" },
};

static const type *find(const type *table, size_t count, const char letters[4])
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(letters, table[i].letters, strlen(table[i].letters)) == 0)
            return &table[i];
    return NULL;
}

/* ---- Skipping ---- */

static bool skip(vr_reader *reader, const char *layout, size_t depth);

static bool skip_bytes(vr_reader *reader, uint64_t count, size_t size)
{
    vr_span span;
    return vr_reader_span(reader, count, size, "", &span, NULL) == VREC_OK;
}

static bool skip_vector(vr_reader *reader, size_t size)
{
    uint64_t count;
    return vr_reader_u64(reader, &count, "", NULL) == VREC_OK && skip_bytes(reader, count, size);
}

static bool skip_header(vr_reader *reader)
{
    uint32_t metric;
    return skip_bytes(reader, 4 + 3 * 8 + 1, 1) && vr_reader_u32(reader, &metric, "", NULL) == VREC_OK &&
           (metric <= 1 || skip_bytes(reader, 4, 1));
}

static bool skip_transform(vr_reader *reader, size_t depth)
{
    char letters[4];
    if (depth == DEPTH_MAX || vr_reader_bytes(reader, letters, 4, "", NULL) != VREC_OK)
        return false;
    const type *found = find(transforms, sizeof transforms / sizeof transforms[0], letters);
    return found && skip(reader, found->layout, depth + 1) && skip(reader, "441", depth + 1);
}

static bool skip_transforms(vr_reader *reader, size_t depth)
{
    uint32_t count;
    if (vr_reader_u32(reader, &count, "", NULL) != VREC_OK)
        return false;
    while (count > 0 && skip_transform(reader, depth))
        count--;
    return count == 0;
}

/* Moves past what a layout says, up to an inner index; false if the file isn't like that. */
static bool skip(vr_reader *reader, const char *layout, size_t depth)
{
    for (; *layout; layout++) {
        bool fits = true;
        switch (*layout) {
        case 'h': fits = skip_header(reader); break;
        case '1':
        case '4':
        case '8': fits = skip_bytes(reader, (uint64_t)(*layout - '0'), 1); break;
        case 'B': fits = skip_vector(reader, 1); break;
        case 'W': fits = skip_vector(reader, 4); break;
        case 'Q': fits = skip_vector(reader, 8); break;
        case 't': fits = skip_transform(reader, depth); break;
        case 'T': fits = skip_transforms(reader, depth); break;
        default: return true;
        }
        if (!fits)
            return false;
    }
    return true;
}

/* ---- Naming ---- */

static size_t append(char name[NAME_SIZE], size_t used, const char *text)
{
    int length = snprintf(name + used, NAME_SIZE - used, "%s", text);
    return (size_t)length < NAME_SIZE - used ? used + (size_t)length : NAME_SIZE - 1;
}

/* "IxM2 (IDMap2) over IwPQ (IVF, product-quantized)": as far in as the file makes sense. The reader is
 * behind the letters of found. */
static void put_name(vr_reader reader, const type *found, const char letters[4], char name[NAME_SIZE])
{
    char next[5] = { 0 };
    size_t used = 0;
    memcpy(next, letters, 4);
    for (size_t depth = 0;; depth++) {
        used = append(name, used, next);
        used = append(name, used, " (");
        used = append(name, used, found->name);
        used = append(name, used, ")");
        const char *layout = found->layout;
        if (!layout || !skip(&reader, layout, 0) || vr_reader_bytes(&reader, next, 4, "", NULL) != VREC_OK)
            return;
        found = find(types, sizeof types / sizeof types[0], next);
        if (!found)
            return;
        used = append(name, used, layout[strlen(layout) - 1] == 'c' ? " with quantizer " : " over ");
        if (depth + 1 == DEPTH_MAX) {
            append(name, used, "more of them");
            return;
        }
    }
}

/* ---- Refusing ---- */

static bool is_word(const char letters[4])
{
    for (size_t i = 0; i < 4; i++)
        if (!((letters[i] >= 'A' && letters[i] <= 'Z') || (letters[i] >= 'a' && letters[i] <= 'z') ||
              (letters[i] >= '0' && letters[i] <= '9')))
            return false;
    return true;
}

/* Whether these letters, and what follows them, could begin an index of a type that is newer than the list:
 * all but two of FAISS's types start with an I, and their headers with d. */
static bool looks_like_index(vr_reader reader, const char letters[4])
{
    uint32_t dim;
    return letters[0] == 'I' && is_word(letters) && vr_reader_u32(&reader, &dim, "", NULL) == VREC_OK &&
           dim >= 1 && dim <= VR_FAISS_DIM_MAX;
}

static vrec_status refuse_unknown(const vr_reader *reader, const char letters[4], vrec_error *err)
{
    char text[5] = { 0 };
    for (size_t i = 0; i < 4; i++)
        text[i] = letters[i] >= ' ' && letters[i] <= '~' ? letters[i] : '.';
    const type *transform = find(transforms, sizeof transforms / sizeof transforms[0], letters);
    if (transform)
        return vr_fail(err, VREC_UNSUPPORTED,
                       "%s holds a transform of FAISS's, %s (%s), and no index: open the file that "
                       "write_index() has written",
                       reader->path, text, transform->name);
    if (looks_like_index(*reader, letters))
        return vr_fail(
            err, VREC_UNSUPPORTED,
            "%s holds a FAISS index of type %s, which is newer than this version; it reads " READS,
            reader->path, text);
    if (memcmp(letters, "\x93NUM", 4) == 0)
        return vr_fail(err, VREC_UNSUPPORTED, "%s holds a NumPy array, and no index: build one of it first",
                       reader->path);
    return vr_fail(err, VREC_CORRUPT, "%s is no FAISS index: index type 0x%08x (\"%s\") not recognized",
                   reader->path, vr_get_u32((const uint8_t *)letters), text);
}

vrec_status vr_faiss_refuse(const vr_reader *reader, uint64_t at, vrec_error *err)
{
    char letters[4], name[NAME_SIZE];
    vr_reader inside = *reader;
    inside.at = at;
    vrec_status status = vr_reader_bytes(&inside, letters, 4, "the type of an index", err);
    if (status != VREC_OK)
        return status;
    const type *found = find(types, sizeof types / sizeof types[0], letters);
    if (!found)
        return refuse_unknown(&inside, letters, err);
    put_name(inside, found, letters, name);
    bool bits = letters[1] == 'B';
    return vr_fail(err, VREC_UNSUPPORTED,
                   "%s holds a FAISS index of type %s; this version reads " READS "%s", reader->path, name,
                   bits ? ", and no indexes of bits: query this one with FAISS"
                        : ": build one from the original vectors, or from what FAISS's "
                          "index.reconstruct_n() gives back");
}
