/* The graph in a file. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_GRAPH_FILE_H
#define VR_FAISS_HNSW_GRAPH_FILE_H

#include "faiss/format.h"
#include "faiss/hnsw/graph.h"

/* Reads the graph of rows nodes that begins where the reader is, all but the links, of which it says where
 * they are. The graph is to be freed in either case. */
vrec_status vr_hnsw_graph_parse(vr_reader *reader, size_t rows, vr_hnsw_graph *graph, vr_span *links,
                                vrec_error *err);

/* Reads and checks the links. */
vrec_status vr_hnsw_graph_load(const vr_reader *reader, const vr_span *links, const vr_faiss_opening *how,
                               vr_hnsw_graph *graph, vrec_error *err);

vrec_status vr_hnsw_graph_write(const vr_hnsw_graph *graph, vr_faiss_writer *writer, vrec_error *err);

#endif
