# mypy: disallow-untyped-defs=False, disallow-untyped-calls=False
"""Every C++ snippet of the document, in its order, line by line; each branch is taken.

What changes from C++ to Python: types, braces and semicolons go, `::` becomes `.`, and a lambda
becomes a def above the call that takes it as its last argument. `use(x)` stands where the document
says "use x". The lines `use(context.result)` are not in the document: they show why a call has
failed.
"""

from pathlib import Path

from arr.cpp import *
from snippets_stage import Stage

stage = Stage()
use = stage.say


class Stream:
    """As much of a C++ stream as the snippets need."""

    def __init__(self, text=""):
        self.text = text

    def __lshift__(self, item):
        if item is not std.endl:
            return Stream(self.text + item)
        stage.say(self.text)
        return Stream()


class std:
    cout = Stream()
    endl = object()


# -- Start asset ingestion -------------------------------------------------------------------------

def StartAssetIngestion(frontend, modelName, modelUrl, assetContainerUrl):
    def completed(context, assetId):
        if context.result == ARRResult.Success:
            use(assetId)
        else:
            std.cout << "Failed to start asset ingestion!" << std.endl
            use(context.result)

    frontend.StartAssetIngestionAsync(
        IngestAssetCInfo(modelName, modelUrl, assetContainerUrl), completed)


# -- Get ingestion status --------------------------------------------------------------------------

def GetIngestionStatus(frontend, assetId):
    def completed(context, status):
        if context.result == ARRResult.Success:
            use(status)
        else:
            std.cout << "Failed to get status of asset ingestion!" << std.endl
            use(context.result)

    frontend.GetIngestionStatusAsync(assetId, completed)


# -- Create rendering session ----------------------------------------------------------------------

def CreateRenderingSession(frontend, vmSize, maxLeaseTimeHours):
    def completed(context, renderingSession):
        if context.result == ARRResult.Success:
            use(renderingSession)
        else:
            std.cout << "Failed to create session!" << std.endl
            use(context.result)

    frontend.CreateRenderingSessionAsync(
        CreateRenderingSessionCInfo(vmSize, maxLeaseTimeHours), completed)


# -- Open an existing rendering session ------------------------------------------------------------

def OpenRenderingSession(frontend, sessionId):
    session = frontend.OpenRenderingSession(sessionId)
    # Query session status.. etc.
    GetRenderingSessionProperties(session)


# -- Get current rendering sessions ----------------------------------------------------------------

def GetCurrentRenderingSessions(frontend):
    def completed(context, sessions, num):
        if context.result == ARRResult.Success:
            for each in sessions[:num]:
                use(each.Status)
        else:
            std.cout << "Failed to get current rendering sessions!" << std.endl
            use(context.result)

    frontend.GetCurrentRenderingSessionsAsync(completed)


# -- Get rendering session properties --------------------------------------------------------------

def GetRenderingSessionProperties(session):
    client, sessionId = session.Frontend, session.SessionUUID  # the document uses them undeclared

    def completed(context, properties):
        if context.result == ARRResult.Success:
            use(properties.Status)
        else:
            std.cout << "Failed to get properties of session!" << std.endl
            use(context.result)

    client.GetRenderingSessionPropertiesAsync(sessionId, completed)


# -- Update rendering session ----------------------------------------------------------------------

def UpdateRenderingSession(session, maxLeaseTimeHours, maxLeaseTimeMinutes):
    def completed(context):
        if context.result == ARRResult.Success:
            std.cout << "Rendering session update succeeded!" << std.endl
        else:
            std.cout << "Failed to update rendering session!" << std.endl
            use(context.result)

    session.UpdateRenderingSessionAsync(
        UpdateRenderingSessionCInfo(maxLeaseTimeHours, maxLeaseTimeMinutes), completed)


# -- Stop rendering session ------------------------------------------------------------------------

def StopRenderingSession(session):
    def completed(context):
        if context.result == ARRResult.Success:
            std.cout << "Rendering session stopping succeeded!" << std.endl
        else:
            std.cout << "Failed to stop rendering session!" << std.endl
            use(context.result)

    session.StopRenderingSessionAsync(completed)


# -- Connect to ARR inspector ----------------------------------------------------------------------

def ConnectToArrInspector(session):
    def completed(error, htmlFilePath):  # the one callback without a context
        if error == ARRResult.Success:
            use(Path(htmlFilePath).as_uri())
        else:
            std.cout << "Failed to connect to ARR inspector!" << std.endl
            use(error)

    session.ConnectToArrInspectorAsync(completed)


# -- every branch, in the same order ---------------------------------------------------------------

def main():
    emulator = stage.emulator
    frontend = AzureFrontend(stage.account())
    no_id = "00000000-0000-0000-0000-000000000001"  # of a session or an asset that nobody has
    name, container, output = stage.model

    stage.section("Start asset ingestion")
    StartAssetIngestion(frontend, name, container, output)
    assetId = stage.show("success:")
    StartAssetIngestion(frontend, name, "not a URL", output)
    stage.show("else:", 2)

    stage.section("Get ingestion status")
    emulator.wait_ingestions()
    GetIngestionStatus(frontend, assetId)
    stage.show("success:")
    emulator.add_fault("GET", "models/*/status", garbage=True, times=1)
    GetIngestionStatus(frontend, assetId)
    stage.show("else:", 2)

    stage.section("Create rendering session")
    CreateRenderingSession(frontend, ARRRenderingSessionVmSize.Standard, 1)
    session = stage.show("success:")
    emulator.add_fault("POST", "sessions/create", status=500, times=1)
    CreateRenderingSession(frontend, ARRRenderingSessionVmSize.Standard, 1)
    stage.show("else:", 2)

    stage.section("Open an existing rendering session")
    OpenRenderingSession(frontend, session.SessionUUID)
    stage.show("success:")
    OpenRenderingSession(frontend, no_id)  # opening asks nobody; the question after it fails
    stage.show("else:", 2)

    stage.section("Get current rendering sessions")
    stage.let_machines_start()
    GetCurrentRenderingSessions(frontend)
    stage.show("success:")
    emulator.add_fault("GET", "sessions", status=403, times=1)
    GetCurrentRenderingSessions(frontend)
    stage.show("else:", 2)

    stage.section("Get rendering session properties")
    GetRenderingSessionProperties(session)
    stage.show("success:")
    emulator.add_fault("GET", "properties", reset=True, times=3)  # two more tries, in vain
    GetRenderingSessionProperties(session)
    stage.show("else:", 2)

    stage.section("Update rendering session")
    UpdateRenderingSession(session, 1, 30)
    stage.show("success:")
    UpdateRenderingSession(session, 1, 0)  # the new lease must be longer than the old one
    stage.show("else:", 2)

    stage.section("Stop rendering session")
    other = frontend.CreateRenderingSessionAsync(
        CreateRenderingSessionCInfo(ARRRenderingSessionVmSize.Standard, 1)).get()
    with emulator.hold("DELETE", "sessions/*"):
        StopRenderingSession(other)
        StopRenderingSession(other)  # while the first call is in flight
        stage.show("else:", 2)
    stage.show("success:")

    stage.section("Connect to ARR inspector")
    session.GetRenderingSessionPropertiesAsync().wait()  # brings the hostname
    ConnectToArrInspector(session)
    stage.show("success:")
    ConnectToArrInspector(other)  # knows no hostname
    stage.show("else:", 2)
    session.StopRenderingSessionAsync().wait()

    stage.curtain()


if __name__ == "__main__":
    with stage:
        main()
