"""What must be accepted, with the types that a checker must find by itself."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Callable, List, Optional

from arr import (
    ARRConnectionStatus, ARRIngestionSessionStatus, ARRRenderingSessionStatus,
    ARRRenderingSessionVmSize, ARRResult, AzureFrontend, AzureFrontendAccountInfo,
    AzureSession, CreateRenderingSessionParams, Dispatcher, Event, IAsync, IngestAssetParams,
    RemoteManager, RRRenderingSessionProperties, RRSessionGeneralContext, SessionLocation,
    UpdateRenderingSessionParams,
)
from arr._runtime.future import AsyncTask
from arr.unity import ARRServiceUnity

if TYPE_CHECKING:
    from typing_extensions import assert_type

Context = RRSessionGeneralContext
Properties = RRRenderingSessionProperties


# -- every call, C# shape --------------------------------------------------------------------------

def calls(frontend: AzureFrontend, session: AzureSession, ingest: IngestAssetParams,
          create: CreateRenderingSessionParams, update: UpdateRenderingSessionParams) -> None:
    assert_type(frontend.start_asset_ingestion_async(ingest), IAsync[str])
    assert_type(frontend.StartAssetIngestionAsync(ingest).Result, str)
    assert_type(frontend.get_ingestion_status_async("id").get(), ARRIngestionSessionStatus)
    assert_type(frontend.GetIngestionStatusAsync("id"), IAsync[ARRIngestionSessionStatus])
    assert_type(frontend.create_rendering_session_async(create), IAsync[AzureSession])
    assert_type(frontend.CreateRenderingSessionAsync(create).AsTask(), AsyncTask[AzureSession])
    assert_type(frontend.OpenRenderingSession("id"), AzureSession)
    assert_type(frontend.get_rendering_session_properties_async("id").result, Properties)
    assert_type(frontend.GetCurrentRenderingSessionsAsync().Result, List[Properties])
    assert_type(frontend.wait_for_ingestion_async("id").latest,
                Optional[ARRIngestionSessionStatus])
    assert_type(session.GetRenderingSessionPropertiesAsync(), IAsync[Properties])
    assert_type(session.UpdateRenderingSessionAsync(update), IAsync[ARRResult])
    assert_type(session.stop_rendering_session_async().result, ARRResult)
    assert_type(session.ConnectToArrInspectorAsync().get(5), str)
    assert_type(session.wait_until_ready_async(deadline=60).result, Properties)
    assert_type(RemoteManager.UpdateRenderingSessionAsync(update), IAsync[ARRResult])
    assert_type(RemoteManager.Connect(session.HostName, session.Frontend, True), ARRResult)


def an_operation(operation: IAsync[AzureSession]) -> None:
    assert_type(operation.Status, ARRResult)
    assert_type(operation.Context, Context)
    assert_type(operation.Progress, float)
    assert_type(operation.wait(1), bool)
    future: Future[AzureSession] = operation.as_task()
    assert_type(future.result(), AzureSession)


async def awaiting(frontend: AzureFrontend, session: AzureSession) -> None:
    assert_type(await session.get_rendering_session_properties_async(), Properties)
    assert_type(await session.wait_until_ready_async(), Properties)
    assert_type(await frontend.get_ingestion_status_async("id"), ARRIngestionSessionStatus)
    assert_type(await session.stop_rendering_session_async().AsTask(), ARRResult)


# -- handlers --------------------------------------------------------------------------------------

def handlers(frontend: AzureFrontend, session: AzureSession, dispatcher: Dispatcher) -> None:
    def on_properties(done: IAsync[Properties]) -> None:
        assert_type(done.Result.Status, ARRRenderingSessionStatus)

    def on_anything(done: IAsync[Any]) -> int:
        return 1  # what a handler returns is of no interest

    operation = session.get_rendering_session_properties_async()
    operation.completed += on_properties
    operation.completed -= on_properties
    operation.Completed += on_anything
    operation.completed += lambda done: print(done.result.hostname)
    operation.completed += dispatcher.bind(on_properties)
    operation.completed -= dispatcher.bind(on_properties)
    operation.progress_changed += on_properties
    session.get_rendering_session_properties_async().Completed += on_properties

    @frontend.GetCurrentRenderingSessionsAsync().Completed
    def _(done: IAsync[List[Properties]]) -> None:
        assert_type(done.Result[0], Properties)

    def on_connection(status: ARRConnectionStatus, error: ARRResult) -> None:
        pass

    RemoteManager.ConnectionStatusChanged += on_connection
    RemoteManager.ConnectionStatusChanged -= on_connection


# -- every call, C++ shape -------------------------------------------------------------------------

def callbacks(frontend: AzureFrontend, session: AzureSession, ingest: IngestAssetParams,
              create: CreateRenderingSessionParams, update: UpdateRenderingSessionParams) -> None:
    def ingested(context: Context, asset_id: str) -> None: ...
    def ingestion(context: Context, status: ARRIngestionSessionStatus) -> None: ...
    def created(context: Context, session: AzureSession) -> None: ...
    def listed(context: Context, sessions: List[Properties], count: int) -> None: ...
    def properties(context: Context, properties: Properties) -> None: ...
    def done(context: Context) -> None: ...
    def inspected(error: ARRResult, path: str) -> None: ...

    frontend.StartAssetIngestionAsync(ingest, ingested)
    frontend.GetIngestionStatusAsync("id", ingestion)
    frontend.CreateRenderingSessionAsync(create, created)
    frontend.GetCurrentRenderingSessionsAsync(listed)
    frontend.GetRenderingSessionPropertiesAsync("id", properties)
    session.GetRenderingSessionPropertiesAsync(properties)
    session.UpdateRenderingSessionAsync(update, done)
    session.StopRenderingSessionAsync(done)
    session.ConnectToArrInspectorAsync(inspected)
    session.WaitUntilReadyAsync(60, 5, properties)
    frontend.WaitForIngestionAsync("id", 60, 5, ingestion)
    frontend.StartAssetIngestionAsync(ingest, lambda context, asset_id: print(asset_id.upper()))


# -- fields under both names, and the component of Unity -------------------------------------------

def fields(info: AzureFrontendAccountInfo, properties: Properties) -> None:
    info.AccountKey = "key"
    AzureFrontendAccountInfo("domain", AccountId="id", account_key="key",
                             Location=SessionLocation.ignore)
    assert_type(IngestAssetParams(ModelName="a", ModelUrl="b", AssetContainerUrl="c").ModelUrl,
                str)
    create = CreateRenderingSessionParams(VmSize=ARRRenderingSessionVmSize.Small)
    create.MaxLeaseTimeHours = UpdateRenderingSessionParams(max_lease_time_hours=2,
                                                            MaxLeaseTimeMinutes=5).MaxLeaseTimeHours
    info.account_domain = "http://127.0.0.1:8080"
    assert_type(info.Location, SessionLocation)
    info.Location = AzureFrontendAccountInfo.SessionLocation.ignore
    assert_type(properties.MaxLease, timedelta)
    assert_type(properties.Size, ARRRenderingSessionVmSize)


def unity(service: ARRServiceUnity, create: CreateRenderingSessionParams) -> None:
    def on_session(session: AzureSession) -> None: ...
    def on_error(caller: ARRServiceUnity, context: Context) -> None: ...

    assert_type(service.StartSession(create), IAsync[AzureSession])
    assert_type(service.OpenSession("id"), AzureSession)
    assert_type(service.StopSession(), Optional[IAsync[ARRResult]])
    assert_type(service.LastProperties.Status, ARRRenderingSessionStatus)
    assert_type(service.AutoRenewLease, bool)
    service.OnSessionStarted += on_session
    service.OnSessionStatusChanged -= on_session
    service.OnSessionEnded += on_session
    service.OnSessionErrorEncountered += on_error
    service.RenewLeaseAmount = timedelta(minutes=20)


def own_event() -> None:
    event: Event[Callable[[int], object]] = Event()
    event += print


async def async_handlers(frontend: AzureFrontend, service: ARRServiceUnity) -> None:
    async def listed(done: IAsync[List[Properties]]) -> None: ...
    async def context_and_id(context: Context, asset_id: str) -> None: ...
    async def on_session(session: AzureSession) -> None: ...

    frontend.GetCurrentRenderingSessionsAsync().Completed += listed
    frontend.GetCurrentRenderingSessionsAsync().Completed += Dispatcher().bind(listed)
    frontend.StartAssetIngestionAsync(IngestAssetParams("a", "b", "c"), context_and_id)
    service.OnSessionStarted += on_session
