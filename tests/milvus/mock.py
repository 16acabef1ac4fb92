"""A Milvus server of lies: a small honest one in memory, whose next answers a test can replace.

    mock.script["Search"] = [status(code=8), sleep(2)]    # for the next two calls; then it is honest again

SPDX-License-Identifier: Apache-2.0
"""

import collections
import json
import re
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
from pymilvus.grpc_gen import common_pb2, milvus_pb2, schema_pb2

SERVICE = "milvus.proto.milvus.MilvusService"
METRICS = {"L2": lambda q, x: ((q[:, None] - x[None]) ** 2).sum(2), "IP": lambda q, x: q @ x.T}


# ---- What a script is made of: each takes the server, the request's bytes and grpc's context ----

def reply(message):
    return lambda mock, request, context: message.SerializeToString()


def status(bare=False, **fields):
    """A reply that holds nothing but a status. legacy: error_code; code, reason, retriable, detail."""
    fields = {"error_code": fields.pop("legacy", 0), **fields}
    made = common_pb2.Status(**fields)
    return reply(made if bare else milvus_pb2.BoolResponse(status=made))


def abort(code, text=""):
    return lambda mock, request, context: context.abort(code, text)


def sleep(seconds):
    return lambda mock, request, context: time.sleep(seconds) or honest


def honest(mock, request, context):
    """What an action gives back to let the honest server answer; never called."""
    raise AssertionError


Call = collections.namedtuple("Call", "rpc metadata request")


class Mock:
    def __init__(self, address="127.0.0.1:0", credentials=None, options=()):
        self.script = collections.defaultdict(list)
        self.calls = []
        self.lock = threading.RLock()
        self.collections = {}
        self.address, self.credentials, self.settings = address, credentials, options
        self.start()

    def start(self):
        self.server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0), *self.settings])
        self.server.add_generic_rpc_handlers((self,))
        if self.credentials:
            self.port = self.server.add_secure_port(self.address, self.credentials)
        else:
            self.port = self.server.add_insecure_port(self.address)
        self.server.start()
        if self.port > 1:
            self.address = f"127.0.0.1:{self.port}"

    def stop(self):
        self.server.stop(0).wait()

    @property
    def options(self):
        return {"host": "127.0.0.1", "port": self.port}

    def named(self, rpc):
        return [call for call in self.calls if call.rpc == rpc]

    def count(self, rpc):
        return len(self.named(rpc))

    # ---- grpc ----

    def service(self, details):
        rpc = details.method.rsplit("/", 1)[1]
        if not hasattr(self, rpc):
            return None
        return grpc.unary_unary_rpc_method_handler(lambda request, context: self.handle(rpc, request, context))

    def handle(self, rpc, request, context):
        with self.lock:
            self.calls.append(Call(rpc, dict(context.invocation_metadata()), request))
            action = self.script[rpc].pop(0) if self.script[rpc] else None
        if action:
            answer = action(self, request, context)
            if answer is not honest:
                return answer
        with self.lock:
            return getattr(self, rpc)(request).SerializeToString()

    # ---- The honest server ----

    def Connect(self, request):
        return milvus_pb2.ConnectResponse(status=common_pb2.Status())

    def GetVersion(self, request):
        return milvus_pb2.GetVersionResponse(version="mock-1")

    def missing(self, name):
        return common_pb2.Status(code=100, error_code=4, reason=f"collection not found[collection={name}]")

    def DescribeCollection(self, request):
        name = milvus_pb2.DescribeCollectionRequest.FromString(request).collection_name
        if name not in self.collections:
            return milvus_pb2.DescribeCollectionResponse(status=self.missing(name))
        return milvus_pb2.DescribeCollectionResponse(schema=self.collections[name]["schema"])

    def ShowPartitions(self, request):
        return milvus_pb2.ShowPartitionsResponse(partition_names=["_default"])

    def ShowCollections(self, request):
        return milvus_pb2.ShowCollectionsResponse(collection_names=list(self.collections))

    def CreateCollection(self, request):
        request = milvus_pb2.CreateCollectionRequest.FromString(request)
        schema = schema_pb2.CollectionSchema.FromString(request.schema)
        self.collections[request.collection_name] = {"schema": schema, "rows": {}, "index": None}
        return common_pb2.Status()

    def DropCollection(self, request):
        self.collections.pop(milvus_pb2.DropCollectionRequest.FromString(request).collection_name, None)
        return common_pb2.Status()

    def write(self, request):
        request = milvus_pb2.InsertRequest.FromString(request)
        columns = {field.field_name: field for field in request.fields_data}
        ids = columns["id"].scalars.long_data.data
        vectors = columns["embedding"].vectors
        assert columns["id"].type == schema_pb2.Int64 and columns["embedding"].type == schema_pb2.FloatVector
        values = np.array(vectors.float_vector.data, np.float32).reshape(len(ids), vectors.dim)
        assert len(ids) == request.num_rows
        self.collections[request.collection_name]["rows"].update(zip(ids, values))
        return len(ids)

    def Insert(self, request):
        return milvus_pb2.MutationResult(insert_cnt=self.write(request), timestamp=4711)

    def Upsert(self, request):
        return milvus_pb2.MutationResult(upsert_cnt=self.write(request), timestamp=4712)

    def Delete(self, request):
        request = milvus_pb2.DeleteRequest.FromString(request)
        ids = json.loads(request.expr.removeprefix("id in "))
        for i in ids:
            self.collections[request.collection_name]["rows"].pop(i, None)
        return milvus_pb2.MutationResult(delete_cnt=len(ids), timestamp=4713)

    def Query(self, request):
        request = milvus_pb2.QueryRequest.FromString(request)
        assert list(request.output_fields) == ["count(*)"]
        count = len(self.collections[request.collection_name]["rows"])
        field = schema_pb2.FieldData(type=schema_pb2.Int64, field_name="count(*)")
        field.scalars.long_data.data.append(count)
        return milvus_pb2.QueryResults(fields_data=[field])

    def Flush(self, request):
        return milvus_pb2.FlushResponse()

    def GetFlushState(self, request):
        return milvus_pb2.GetFlushStateResponse(flushed=True)

    def CreateIndex(self, request):
        request = milvus_pb2.CreateIndexRequest.FromString(request)
        self.collections[request.collection_name]["index"] = request
        return common_pb2.Status()

    def described(self, request, state, reason="", pending=0):
        name = milvus_pb2.DescribeIndexRequest.FromString(request).collection_name
        index = self.collections[name]["index"]
        if not index:
            return milvus_pb2.DescribeIndexResponse(status=common_pb2.Status(code=700, error_code=25))
        made = milvus_pb2.IndexDescription(index_name="i", params=index.extra_params, field_name=index.field_name,
                                           state=state, index_state_fail_reason=reason, pending_index_rows=pending)
        return milvus_pb2.DescribeIndexResponse(index_descriptions=[made])

    def DescribeIndex(self, request):
        return self.described(request, common_pb2.IndexState.Finished)

    def LoadCollection(self, request):
        return common_pb2.Status()

    def GetLoadState(self, request):
        return milvus_pb2.GetLoadStateResponse(state=common_pb2.LoadStateLoaded)

    def GetLoadingProgress(self, request):
        return milvus_pb2.GetLoadingProgressResponse(progress=100)

    def Search(self, request):
        request = milvus_pb2.SearchRequest.FromString(request)
        params = {pair.key: pair.value for pair in request.search_params}
        group = common_pb2.PlaceholderGroup.FromString(request.placeholder_group).placeholders[0]
        assert group.tag == "$0" and group.type == common_pb2.PlaceholderType.FloatVector
        assert request.nq == len(group.values) and request.dsl_type == common_pb2.BoolExprV1
        rows = self.collections[request.collection_name]["rows"]
        if request.dsl:
            listed = re.fullmatch(r"id (not )?in \[([-0-9,]+)\]", request.dsl)
            ids = set(map(int, listed[2].split(",")))
            rows = {id: row for id, row in rows.items() if (id in ids) != bool(listed[1])}
        queries = np.array([struct.unpack(f"<{len(v) // 4}f", v) for v in group.values], np.float32)
        data = schema_pb2.SearchResultData(num_queries=request.nq, top_k=int(params["topk"]))
        if rows:
            ids, items = np.array(list(rows)), np.stack(list(rows.values()))
            scores = METRICS[params["metric_type"]](queries, items)
            order = np.argsort(scores if params["metric_type"] == "L2" else -scores, axis=1)
            order = order[:, :int(params["topk"])]
            data.ids.int_id.data.extend(ids[order].ravel().tolist())
            data.scores.extend(np.take_along_axis(scores, order, 1).ravel().tolist())
            data.topks.extend([order.shape[1]] * request.nq)
        return milvus_pb2.SearchResults(results=data)
