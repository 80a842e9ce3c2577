# mypy: disallow-untyped-defs=False, disallow-untyped-calls=False
"""Every C# snippet of the document, in its order, line by line; each branch is taken.

What changes from C# to Python: types, `new`, braces and semicolons go, and a lambda of several
lines becomes a def below its event, `@....Completed`. `use(x)` stands where the document says
"use x". The lines `use(res.Status)` are not in the document: they show why a call has failed.
"""

import threading
from pathlib import Path

from arr import *
from snippets_stage import Stage

stage = Stage()
use = stage.say
dispatcher = Dispatcher()  # belongs to the thread that makes it: here, the main thread


class Console:
    WriteLine = stage.say


def InvokeOnAppThreadAsync(action):
    dispatcher.post(action)


def Start(url):  # System.Diagnostics.Process.Start; an application calls webbrowser.open(url)
    stage.print("success:", f"{url}, on {threading.current_thread().name}")


# -- AzureFrontendAccountInfo ----------------------------------------------------------------------

def AccountInfo():
    info = AzureFrontendAccountInfo()
    info.AccountDomain = "mixedreality.azure.com"
    info.AccountId = "00000000-0000-0000-0000-000000000000"
    info.AccountKey = ""
    info.AuthenticationToken = ""
    info.AccessToken = ""
    info.Location = AzureFrontendAccountInfo.SessionLocation.westus2
    return info


# -- Azure Frontend --------------------------------------------------------------------------------

def ConnectIfReady(session):  # the document has two functions named GetRenderingSessionProperties
    @session.GetRenderingSessionPropertiesAsync().Completed
    def _(res):
        sessionProperties = res.Result
        if sessionProperties.Status == ARRRenderingSessionStatus.Ready:
            use(RemoteManager.Connect(session.Hostname, session.Frontend))
        else:  # ours
            use(f"not connected, it is {sessionProperties.Status}")


# -- Redundant calls on a session object -----------------------------------------------------------

def RedundantCalls(session, first, second):  # the two handlers are ours: they show the results
    @session.GetRenderingSessionPropertiesAsync().Completed
    def _(res):
        session.GetRenderingSessionPropertiesAsync().Completed += first  # Succeeds

    session.GetRenderingSessionPropertiesAsync().Completed += second  # Fails due to redundancy


# -- Start asset ingestion -------------------------------------------------------------------------

def StartAssetIngestion(frontend, modelName, modelUrl, assetContainerUrl):
    @frontend.StartAssetIngestionAsync(
        IngestAssetParams(modelName, modelUrl, assetContainerUrl)).Completed
    def _(res):
        if res.IsRanToCompletion:
            use(res.Result)
        else:
            Console.WriteLine("Failed to start asset ingestion!")
            use(res.Status)


# -- Get ingestion status --------------------------------------------------------------------------

def GetIngestionStatus(frontend, assetId):
    @frontend.GetIngestionStatusAsync(assetId).Completed
    def _(res):
        if res.IsRanToCompletion:
            use(res.Result)
        else:
            Console.WriteLine("Failed to get status of asset ingestion!")
            use(res.Status)


# -- Create rendering session ----------------------------------------------------------------------

def CreateRenderingSession(frontend, vmSize, maxLeaseTimeHours):
    @frontend.CreateRenderingSessionAsync(
        CreateRenderingSessionParams(vmSize, maxLeaseTimeHours)).Completed
    def _(res):
        if res.IsRanToCompletion:
            use(res.Result)
        else:
            Console.WriteLine("Failed to create session!")
            use(res.Status)


# -- Open an existing rendering session ------------------------------------------------------------

def OpenRenderingSession(frontend, sessionId):  # the document names it CreateRenderingSession
    session = frontend.OpenRenderingSession(sessionId)
    # Query session status, etc.
    ConnectIfReady(session)


# -- Get current rendering sessions ----------------------------------------------------------------

def GetCurrentRenderingSessions(frontend):
    @frontend.GetCurrentRenderingSessionsAsync().Completed
    def _(res):
        if res.IsRanToCompletion:
            for each in res.Result:
                use(each.Status)
        else:
            Console.WriteLine("Failed to get current rendering sessions!")
            use(res.Status)


# -- Get rendering session properties --------------------------------------------------------------

def GetRenderingSessionProperties(session):
    @session.GetRenderingSessionPropertiesAsync().Completed
    def _(res):
        if res.IsRanToCompletion:
            use(res.Result.Status)
        else:
            Console.WriteLine("Failed to get properties of session!")
            use(res.Status)


# -- Update rendering session ----------------------------------------------------------------------

def UpdateRenderingSession(sessionId, maxLeaseTimeHours, maxLeaseTimeMinutes):
    @RemoteManager.UpdateRenderingSessionAsync(
        UpdateRenderingSessionParams(maxLeaseTimeHours, maxLeaseTimeMinutes)).Completed
    def _(res):
        if res.IsRanToCompletion:
            Console.WriteLine("Rendering session update succeeded!")
        else:
            Console.WriteLine("Failed to update rendering session!")
            use(res.Status)


# -- Stop rendering session ------------------------------------------------------------------------

def StopRenderingSession(session):
    @session.StopRenderingSessionAsync().Completed
    def _(res):
        if res.IsRanToCompletion:
            Console.WriteLine("Rendering session stop succeeded!")
        else:
            Console.WriteLine("Failed to stop rendering session!")
            use(res.Status)


# -- Connect to ARR inspector ----------------------------------------------------------------------

def ConnectToArrInspector(session):
    @session.ConnectToArrInspectorAsync().Completed
    def _(res):
        if res.IsRanToCompletion:
            # Launch the html file with default browser
            htmlPath = res.Result
            InvokeOnAppThreadAsync(lambda: Start(Path(htmlPath).as_uri()))
        else:
            Console.WriteLine("Failed to connect to ARR inspector!")
            use(res.Status)


# -- every branch, in the same order ---------------------------------------------------------------

def main():
    emulator = stage.emulator
    frontend = AzureFrontend(stage.account())
    wrong_key = AzureFrontend(stage.account("not-the-key"))
    no_id = "00000000-0000-0000-0000-000000000001"  # of a session or an asset that nobody has

    stage.section("AzureFrontendAccountInfo")
    info = AccountInfo()
    info.AccessToken = "token-of-an-earlier-run"
    stage.print("success:", AzureFrontend(info).AccountDomain)
    try:
        AzureFrontend(AccountInfo())  # without any credential
    except RRException as error:
        stage.print("else:", error.ErrorCode)

    # The sections of the document need a session before they come to creating one.
    creation = frontend.CreateRenderingSessionAsync(
        CreateRenderingSessionParams(ARRRenderingSessionVmSize.Small, 1))
    session = creation.get()

    stage.section("Azure Frontend")
    ConnectIfReady(session)
    stage.show("else:")
    stage.let_machines_start()
    ConnectIfReady(session)
    stage.show("success:")

    stage.section("Redundant calls on a session object")
    before = stage.count("GET", "/properties")
    with emulator.hold("GET", "properties"):  # so the first call is in flight for certain
        RedundantCalls(session, lambda res: use(res.Status), lambda res: use(res.Status))
        stage.show("else:")
    stage.show("success:")
    stage.print("requests:", stage.count("GET", "/properties") - before)

    stage.section("Start asset ingestion")
    StartAssetIngestion(frontend, *stage.model)
    assetId = stage.show("success:")
    StartAssetIngestion(wrong_key, *stage.model)
    stage.show("else:", 2)

    stage.section("Get ingestion status")
    emulator.wait_ingestions()
    GetIngestionStatus(frontend, assetId)
    stage.show("success:")
    GetIngestionStatus(frontend, no_id)
    stage.show("else:", 2)

    stage.section("Create rendering session")
    CreateRenderingSession(frontend, ARRRenderingSessionVmSize.Big, 2)
    created = stage.show("success:")
    emulator.add_fault("POST", "sessions/create", status=429, retry_after=5, times=1)
    CreateRenderingSession(frontend, ARRRenderingSessionVmSize.Big, 2)
    stage.show("else:", 2)

    stage.section("Open an existing rendering session")
    OpenRenderingSession(frontend, created.SessionUUID)
    stage.show("success:")
    try:
        OpenRenderingSession(frontend, "")
    except RRException as error:
        stage.print("else:", error.ErrorCode)

    stage.section("Get current rendering sessions")
    GetCurrentRenderingSessions(frontend)
    stage.show("success:", 2)
    disposed = AzureFrontend(stage.account())
    disposed.Dispose()
    GetCurrentRenderingSessions(disposed)
    stage.show("else:", 2)

    stage.section("Get rendering session properties")
    GetRenderingSessionProperties(session)
    stage.show("success:")
    GetRenderingSessionProperties(frontend.OpenRenderingSession(no_id))
    stage.show("else:", 2)

    stage.section("Update rendering session")
    UpdateRenderingSession(session, 2, 30)
    stage.show("success:")
    RemoteManager.Disconnect()
    UpdateRenderingSession(session, 3, 0)
    stage.show("else:", 2)

    stage.section("Stop rendering session")
    StopRenderingSession(created)
    stage.show("success:")
    StopRenderingSession(frontend.OpenRenderingSession(no_id))
    stage.show("else:", 2)

    stage.section("Connect to ARR inspector")
    ConnectToArrInspector(session)
    stage.pump(dispatcher)
    ConnectToArrInspector(frontend.OpenRenderingSession(session.SessionUUID))  # knows no hostname
    stage.show("else:", 2)
    session.StopRenderingSessionAsync().get()

    stage.curtain()


if __name__ == "__main__":
    with stage:
        main()
